"""`python -m crm_assets.console.exporter`: serve the metrics of the pipeline, for Prometheus."""

from __future__ import annotations

import signal
import sys
import threading

from crm_assets.console.terminal import run_command, take_no_arguments
from crm_assets.errors import SettingsError
from crm_assets.settings import get_settings


def main() -> int:
    """Serve, and return 0.

    Raises:
        SettingsError: the extra `monitoring` is not installed, or the address cannot be used.
    """
    take_no_arguments(__doc__)
    try:
        from prometheus_client import CollectorRegistry, start_http_server
    except ModuleNotFoundError as error:
        raise SettingsError(
            "The metrics need prometheus-client: install the extra monitoring (make install)."
        ) from error
    from crm_assets.console.exporter.collector import Pipeline
    from crm_assets.console.exporter.parts import parts

    settings, registry = get_settings(), CollectorRegistry()
    registry.register(pipeline := Pipeline(parts()))
    # The first reading imports what it needs: longer than Prometheus waits.
    pipeline.collect()
    host, port = settings.metrics_host, settings.metrics_port
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise SettingsError(
            f"The metrics cannot be served at {host}:{port} ({error.strerror}): end what uses the port, or "
            "set CRM_METRICS_HOST or CRM_METRICS_PORT."
        ) from error
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    print(f"Metrics: http://{host}:{server.server_port}/metrics", flush=True)
    stopped.wait()
    server.shutdown()
    thread.join()
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))

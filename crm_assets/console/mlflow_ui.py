"""`python -m crm_assets.console.mlflow_ui`: start the MLflow UI of the registry in force."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import threading
import time

from crm_assets.console.terminal import run_command, said
from crm_assets.registry.names import MODEL
from crm_assets.settings import get_settings, without_password

PORT = 5000


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    line = argparse.ArgumentParser(prog="python -m crm_assets.console.mlflow_ui", description=said(__doc__))
    line.add_argument("--port", type=int, default=PORT, help=f"the port of the UI; {PORT} by default")
    return line


def main() -> int:
    """Serve the embedded registry on this machine, or print where the tracking server is."""
    port = parser().parse_args().port
    settings = get_settings()
    if settings.mlflow_tracking_uri:
        print(f"MLflow runs at {without_password(settings.mlflow_tracking_uri)} (CRM_MLFLOW_TRACKING_URI).")
        return 0
    from crm_assets.registry import database

    database.check(settings.tracking_uri)
    # The server looks for artifacts where the registry says they are, so update those paths first.
    from crm_assets.registry.relocation import relocate

    relocate(settings.home / "mlflow.db", settings.artifacts_dir)
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", settings.tracking_uri]
    command += ["--default-artifact-root", settings.artifacts_dir.as_uri()]
    quiet = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"}
    with subprocess.Popen(command, env=quiet) as server:  # noqa: S603 - our own command line
        threading.Thread(target=_say_when_ready, args=(server, port), daemon=True).start()
        return server.wait()


def _say_when_ready(server: subprocess.Popen[bytes], port: int) -> None:
    """Print the UI's address as soon as it answers."""
    import requests

    address = f"http://127.0.0.1:{port}"
    while server.poll() is None:
        try:
            if requests.get(f"{address}/health", timeout=5).ok:
                print(
                    f"\nThe MLflow UI is ready: {address}/#/models/{MODEL} shows the versions.",
                    flush=True,
                )
                return
        except requests.RequestException:
            pass
        time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(run_command(main))

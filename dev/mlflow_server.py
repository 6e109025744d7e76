"""A real MLflow server of its own for tests: SQLite behind it, artifacts through its proxy."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

SECONDS_TO_START = 120
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # Its workers for judging language models: three more processes that no test needs.
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}


@contextmanager
def mlflow_server(folder: Path, port: int | None = None) -> Generator[str]:
    """Run a server that keeps everything in `folder`; its address.

    A server that is started again on the same folder, and port, is the same server after an outage.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
    command += ["--artifacts-destination", (folder / "artifacts").as_uri()]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    log = folder / "server.log"
    with log.open("ab") as output:
        # A session of its own, since the server is a launcher with a child: both are ended together.
        server = subprocess.Popen(
            command, env=clean | QUIET, cwd=folder, stdout=output, stderr=output, start_new_session=True
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_until_ready(server, address, log)
        yield address
    finally:
        _stop(server)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    end = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < end:
        assert server.poll() is None, f"The MLflow server ended:\n{log.read_text()}"
        try:
            with urlopen(f"{address}/health", timeout=5) as answer:  # noqa: S310 - our own address
                assert answer.status == 200
                return
        except (URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise AssertionError(f"The MLflow server did not answer in {SECONDS_TO_START} s:\n{log.read_text()}")


def _stop(server: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=20)
    except ProcessLookupError:
        return
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()

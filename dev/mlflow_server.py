"""A real, separate MLflow server for tests: SQLite behind it, artifacts through its proxy."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from dev.waiting import answers, wait_until

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # Its workers for evaluating language models are three more processes, which no test needs.
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}


@contextmanager
def mlflow_server(folder: Path, port: int | None = None) -> Generator[str]:
    """Run a server that keeps everything in `folder`, and yield its address.

    Started again with the same folder and port, it is the same server after an outage.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
    command += ["--artifacts-destination", (folder / "artifacts").as_uri()]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    log = folder / "server.log"
    with log.open("ab") as output:
        # In a new session, since the server is a launcher with a child: both must end together.
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
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    def ready() -> bool:
        return answers(server, f"{address}/health", "The MLflow server", log)

    wait_until(ready, f"the MLflow server, whose log is {log}", lambda: log.stat().st_size)


def _stop(server: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=20)
    except ProcessLookupError:
        return
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()

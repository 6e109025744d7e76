"""The REST API as a process of its own, for tests and benchmarks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dev.mlflow_server import free_port
from dev.waiting import answers, wait_until


@contextmanager
def api_server(folder: Path, environment: Mapping[str, str]) -> Generator[tuple[str, int]]:
    """Serve until the block ends; yield the address, and the process id.

    Args:
        folder: for the log, `api.log`.
        environment: with the settings of the installation.
    """
    port, log = free_port(), folder / "api.log"
    with log.open("ab") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "crm_assets.serving"],
            env={**environment, "CRM_API_PORT": str(port)},
            cwd=folder,
            stdout=output,
            stderr=output,
        )
    address = f"http://127.0.0.1:{port}"

    def ready() -> bool:
        return answers(server, f"{address}/readyz", "The API", log)

    try:
        wait_until(ready, f"the API, whose log is {log}", lambda: os.times().elapsed // 60)
        yield address, server.pid
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(timeout=60)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()

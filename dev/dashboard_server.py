"""A real dashboard in a process of its own, for tests and measurements."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from dev.mlflow_server import free_port
from dev.place import Place
from dev.waiting import answers, wait_until


@dataclass(frozen=True)
class Dashboard:
    """A running dashboard.

    Attributes:
        address: where it listens.
        pid: its process.
    """

    address: str
    pid: int


@contextmanager
def dashboard_server(home: Place, **settings: str) -> Generator[Dashboard]:
    """Serve the dashboard of a home on a free port, and yield it when it is ready."""
    port = free_port()
    address, log = f"http://127.0.0.1:{port}", home.folder / f"dashboard-{port}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "crm_assets.dashboard"],
            env=home.environment(CRM_DASHBOARD_PORT=str(port), **settings),
            cwd=home.folder,
            stdout=output,
            stderr=output,
        )
    try:
        wait_until(
            lambda: answers(process, f"{address}/_stcore/health", "The dashboard", log),
            f"the dashboard, whose log is {log}",
            lambda: log.stat().st_size,
        )
        yield Dashboard(address, process.pid)
    finally:
        process.terminate()
        process.wait()

"""One search by this process and others of this machine."""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Callable, Sequence

from crm_assets.tuning.search import Budget, Search

log = logging.getLogger("dagster.crm_assets")


def work_together(search: Search, budget: Budget, workers: int, command: Sequence[str]) -> None:
    """Run a search in this process, and in others that join it; return when no trial is left.

    A worker that fails or is killed loses at most its own trial, which another one runs again.

    Args:
        search: the search; its database must be there already.
        budget: when it ends.
        workers: how many processes in all.
        command: starts a worker.
    """
    others = [subprocess.Popen(command) for _ in range(workers - 1)]  # noqa: S603
    try:
        search.work(budget)
        for other in others:
            if code := other.wait():
                log.warning(f"A worker of the search ended with code {code}; the others ran its trials.")
    finally:
        for other in others:
            if other.poll() is None:
                other.terminate()
                other.wait()


def orphaned(parent: int) -> Callable[[], bool]:
    """Return whether the process that started this one is gone, as a function to ask between trials.

    Args:
        parent: its number; 0 if nobody is to be asked.
    """
    return lambda: bool(parent) and os.getppid() != parent

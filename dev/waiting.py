"""Wait for progress, not for seconds: a slow, busy machine passes, and only a standstill fails."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.error import URLError
from urllib.request import urlopen

T = TypeVar("T")

# How long a standstill may last, on a machine with nothing else to do.
PATIENCE_S = 120.0
PAUSE_S = 0.1


class StandstillError(AssertionError):
    """No progress for so long that none is expected."""


def wait_until(
    come: Callable[[], T],
    what: str,
    sign_of_life: Callable[[], object] = lambda: None,
    patience_s: float = PATIENCE_S,
) -> T:
    """Call `come` until it returns something true, and return that.

    Args:
        come: returns something true when the wait is over.
        what: what we wait for, in words, for the error.
        sign_of_life: anything that changes while work goes on, for example a run's number of events.
        patience_s: how long the sign of life may stay the same. A second counts for less if more processes
            than processors want to run, and for almost nothing while this process itself cannot run.

    Raises:
        StandstillError: the sign of life stayed the same for longer.
    """
    last, idle = sign_of_life(), 0.0
    before = time.monotonic()
    while not (found := come()):
        time.sleep(PAUSE_S)
        now = time.monotonic()
        idle += min(now - before, 10 * PAUSE_S) / crowding()
        before = now
        if (sign := sign_of_life()) != last:
            last, idle = sign, 0.0
        if idle > patience_s:
            raise StandstillError(f"Nothing has moved for {patience_s:.0f} s while waiting for {what}.")
    return found


def answers(server: subprocess.Popen[bytes], url: str, what: str, log: Path) -> bool:
    """Return whether a server says at a URL that it is well.

    Raises:
        AssertionError: its process has ended; shows the log.
    """
    assert server.poll() is None, f"{what} ended:\n{log.read_text()}"
    try:
        with urlopen(url, timeout=30) as answer:  # noqa: S310 - our own address
            return answer.status == 200
    except (URLError, ConnectionError, TimeoutError):
        return False


def crowding() -> float:
    """Return how many processes want each processor; at least 1.

    >>> crowding() >= 1
    True
    """
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))

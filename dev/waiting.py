"""Waiting for progress, never for seconds: a slow, busy machine passes, and only a standstill fails."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# How long nothing may move, on a machine with nothing else to do.
PATIENCE_S = 120.0
PAUSE_S = 0.1


class StandstillError(AssertionError):
    """Nothing has moved for so long that nothing will."""


def wait_until(
    come: Callable[[], T],
    what: str,
    sign_of_life: Callable[[], object] = lambda: None,
    patience_s: float = PATIENCE_S,
) -> T:
    """Return what `come` gives, once it gives something true.

    Args:
        come: what is waited for.
        what: the same in words, for the error.
        sign_of_life: anything that changes while work goes on, as the number of events of a run.
        patience_s: how long it may stay the same. A second counts for less where more processes than
            processors want to run, and for nothing while this process itself is not served.

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


def crowding() -> float:
    """How many processes want each processor; at least 1.

    >>> crowding() >= 1
    True
    """
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))

"""Retry calls after temporary faults of a server, with backoff and a time limit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from tenacity import Retrying, retry_if_exception, stop_before_delay, wait_random_exponential

from crm_assets.storage.faults import passing

# If a server never answered, its address is probably wrong; if it did before, it will be back.
FIRST_ANSWER_SECONDS = 5
OUTAGE_SECONDS = 60

T = TypeVar("T")


def patiently(seconds: float, call: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """Return the result of a call; repeat the call while its faults are temporary.

    Args:
        seconds: no attempt starts later than that; then the last fault is raised.
        call: the function.
        *arguments: its positional arguments.
        **named: its keyword arguments.
    """
    retrying = Retrying(
        retry=retry_if_exception(passing),
        stop=stop_before_delay(seconds),
        wait=wait_random_exponential(multiplier=0.2, max=2),
        reraise=True,
    )
    return retrying(call, *arguments, **named)

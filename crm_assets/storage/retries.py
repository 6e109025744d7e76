"""Retries: passing faults of a server are waited out, with backoff, for a bounded time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from tenacity import Retrying, retry_if_exception, stop_before_delay, wait_random_exponential

from crm_assets.storage.faults import passing

# A server that never answered is probably a wrong address; one that did will be back.
FIRST_ANSWER_SECONDS = 5
OUTAGE_SECONDS = 60

T = TypeVar("T")


def patiently(seconds: float, call: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """The result of a call, made again while its faults are of the passing kind.

    Args:
        seconds: no attempt begins later than that; the last fault is raised then.
        call: what is called.
        *arguments: its arguments.
        **named: those that it takes by name.
    """
    retrying = Retrying(
        retry=retry_if_exception(passing),
        stop=stop_before_delay(seconds),
        wait=wait_random_exponential(multiplier=0.2, max=2),
        reraise=True,
    )
    return retrying(call, *arguments, **named)

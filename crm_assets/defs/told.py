"""Errors that people can fix, with our sentence first: on a run's page, and in Dagster's own commands."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import wraps
from inspect import isgeneratorfunction
from typing import Any

import dagster as dg

from crm_assets import shortage
from crm_assets.errors import CrmAssetsError


class RunStoppedError(dg.DagsterError):
    """Why a step, or what it needs, stopped.

    Dagster shows an error of its own kind as it is. It wraps any other one, and then shows the name of the
    step and the way to it before the sentence.
    """


@contextmanager
def sentences() -> Generator[None]:
    """Raise our own errors, and shortages, as Dagster's.

    Raises:
        RunStoppedError: with the sentence of the error.
    """
    try:
        yield
    except dg.DagsterError:
        raise
    except Exception as error:
        if (text := own_sentence(error)) is None:
            raise
        raise RunStoppedError(text) from error


def own_sentence(error: BaseException) -> str | None:
    """Return the sentence of our own error or of a shortage, even inside another error; None for others."""
    own = [cause for cause in shortage.causes(error) if isinstance(cause, CrmAssetsError)]
    return shortage.told(error) or (str(own[-1]) if own else None)


def told(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function of an asset, check or op whose errors say our sentence first; see `sentences`."""
    if isgeneratorfunction(function):

        @wraps(function)
        def steps(*arguments: Any, **named: Any) -> Generator[Any]:
            with sentences():
                yield from function(*arguments, **named)

        return steps

    @wraps(function)
    def step(*arguments: Any, **named: Any) -> Any:
        with sentences():
            return function(*arguments, **named)

    return step

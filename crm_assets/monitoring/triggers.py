"""What speaks for training again, and for telling somebody: alarms, bad months, the age of the champion."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from crm_assets.crm.months import shift
from crm_assets.crm.targets import DEFAULT_TARGET
from crm_assets.monitoring.alarm import Alarm, Drift, alarm
from crm_assets.monitoring.tables import SEASON
from crm_assets.monitoring.worse import performance

ALARM, BAD_MONTHS, AGE = "alarm", "bad months", "age"
# In so many months running, one and the same measure must be worse: chance does that once in 400 months.
RUNNING = 2


@dataclass(frozen=True)
class Reason:
    """A reason to train again.

    Attributes:
        month: the newest month that it is about, `YYYY-MM`.
        kind: `alarm`, `bad months` or `age`.
        said: the evidence, in a sentence.
    """

    month: str
    kind: str
    said: str


def reasons(
    accuracy: pd.DataFrame,
    drifts: Iterable[Drift],
    newest: str,
    trained_until: str | None,
    max_age: int,
) -> list[Reason]:
    """Return what speaks for training again, the strongest first.

    Args:
        accuracy: columns of `FORECAST_ACCURACY`, of the last months.
        drifts: flagged columns of the last months.
        newest: the newest month with features.
        trained_until: the last month whose labels the champion has learned from; None if unknown.
        max_age: how many months of labels it may lack.
    """
    found = [*_alarms(accuracy, drifts), *_bad_months(accuracy)]
    if (
        trained_until
        and (age := months_between(trained_until, DEFAULT_TARGET.last_labeled(newest))) > max_age
    ):
        found.append(Reason(newest, AGE, too_old(trained_until, newest, age, max_age)))
    return found


def months_between(earlier: str, later: str) -> int:
    """Return how many months lie between two months; 0 if the first is not earlier.

    >>> months_between("2017-11", "2018-02")
    3
    """
    count = 0
    while shift(earlier, count) < later:
        count += 1
    return count


def too_old(trained_until: str, newest: str, age: int, max_age: int) -> str:
    """Return the sentence about a champion that is older than the limit."""
    return (
        f"The champion has learned from months up to {trained_until} and lacks the {age} months of outcomes "
        f"known since (newest month {newest}); the limit is {max_age}."
    )


def cooling(last: datetime | None, now: datetime, days: int) -> timedelta | None:
    """Return how long the pause after the last training still lasts; None if it is over.

    Args:
        last: when the champion was last trained; None if never.
        now: now, in the same time zone.
        days: the length of the pause.
    """
    left = timedelta() if last is None else last + timedelta(days=days) - now
    return left if left > timedelta() else None


def _alarms(accuracy: pd.DataFrame, drifts: Iterable[Drift]) -> list[Reason]:
    """Return the alarm of the newest judged month, if there is one."""
    months = sorted(set(accuracy["forecast_month"])) if len(accuracy) else []
    if not months:
        return []
    verdict: Alarm = alarm(months[-1], drifts, performance(accuracy))
    return [Reason(verdict.month, ALARM, verdict.sentence)] if verdict.raised else []


def _bad_months(accuracy: pd.DataFrame) -> list[Reason]:
    """Return the measures that were worse in each of the last months, without drift that explains it."""
    months = sorted(set(accuracy["forecast_month"]))[-RUNNING:] if len(accuracy) else []
    if len(months) < RUNNING or shift(months[0], RUNNING - 1) != months[-1]:
        return []
    worse = [one for one in performance(accuracy) if one.worse and one.month in months]
    found = []
    for measure in dict.fromkeys(one.measure for one in worse):
        own = [one for one in worse if one.measure == measure]
        if len(own) == RUNNING:
            name = "the model" if measure == SEASON else measure
            said = "; ".join(f"{one.month}: {one.what}" for one in own)
            found.append(
                Reason(months[-1], BAD_MONTHS, f"{RUNNING} months running {name} was worse. {said}.")
            )
    return found

"""When drift becomes an alarm: only if the forecast got worse as well.

Drift alone is in the report. A forecast that is worse without drift is in `forecast_accuracy`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from crm_assets.crm.months import shift


@dataclass(frozen=True, order=True)
class Drift:
    """A column that was flagged: its values in a month differ from those of its reference months.

    Attributes:
        month: the snapshot month in which it drifted, `YYYY-MM`.
        column: the column.
        what: the way in which it differs, in words.
    """

    month: str
    column: str
    what: str = ""


@dataclass(frozen=True, order=True)
class Performance:
    """A measure of how well the predictions of the month before held in a month.

    Attributes:
        month: the month that was predicted and is over, `YYYY-MM`.
        measure: what was measured: accuracy, such as `roc_auc`, or calibration, such as `wins`.
        worse: whether it is worse than chance explains, or a value lies outside its interval.
        what: the evidence, in words.
    """

    month: str
    measure: str
    worse: bool
    what: str = ""


@dataclass(frozen=True)
class Alarm:
    """The verdict on a month.

    Attributes:
        month: the month, `YYYY-MM`.
        drifts: what drifted in it or in the month before, whose predictions the month decides.
        worse: what was worse in it.
    """

    month: str
    drifts: tuple[Drift, ...]
    worse: tuple[Performance, ...]

    @property
    def raised(self) -> bool:
        """Whether drift and performance together say that somebody must look."""
        return bool(self.drifts) and bool(self.worse)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that drifted, sorted."""
        return tuple(sorted({drift.column for drift in self.drifts}))

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        drifted = f"drifted: {', '.join(self.columns)}" if self.drifts else "no column drifted"
        measures = ", ".join(sorted({one.what or one.measure for one in self.worse}))
        worse = f"the forecast got worse: {measures}" if self.worse else "the forecast did not get worse"
        return f"{self.month}: {'alarm' if self.raised else 'no alarm'}; {drifted}; {worse}."


def alarm(month: str, drifts: Iterable[Drift], performance: Iterable[Performance]) -> Alarm:
    """Return the verdict on a month from what drifted and from how well its forecast held.

    Args:
        month: a month that is over, `YYYY-MM`.
        drifts: flagged columns of any months.
        performance: measures of any months.

    >>> drift = Drift("2017-08", "sector")
    >>> alarm("2017-09", [drift], [Performance("2017-09", "roc_auc", worse=False)]).raised
    False
    >>> alarm("2017-09", [drift], [Performance("2017-09", "roc_auc", worse=True)]).sentence
    '2017-09: alarm; drifted: sector; the forecast got worse: roc_auc.'
    """
    months = (shift(month, -1), month)
    return Alarm(
        month,
        tuple(sorted(drift for drift in drifts if drift.month in months)),
        tuple(sorted(one for one in performance if one.month == month and one.worse)),
    )


def drifts(report: pd.DataFrame) -> list[Drift]:
    """Return the columns that drifted by themselves, from columns of `DRIFT_REPORT`; the strongest first.

    A column that only follows another is left out.
    """
    flagged = report[report["flagged"].astype(bool) & report["follows"].isna()]
    strongest = flagged.sort_values("strength", ascending=False, kind="stable")
    strongest = strongest.drop_duplicates(["snapshot_month", "column"])
    return [Drift(row["snapshot_month"], row["column"], row["what"]) for _, row in strongest.iterrows()]

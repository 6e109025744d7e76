"""The baseline that a model must beat: the win rate of the season."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from crm_assets.modeling.folds import lessons
from crm_assets.modeling.training_rows import KEYS, TrainingRows

PLACE = "month_of_quarter"


@dataclass(frozen=True)
class Season:
    """Win rates by the place of the predicted month in its quarter.

    Attributes:
        rates: the rate of each place that has been seen.
        overall: the rate of all deals, for the other places.
    """

    rates: pd.Series
    overall: float

    def of(self, deals: pd.DataFrame) -> pd.Series:
        """Return the rate of each deal."""
        return deals[PLACE].map(self.rates).fillna(self.overall).astype("float64")


def season(rows: TrainingRows, months: list[str], tallies: dict[str, pd.DataFrame] | None = None) -> Season:
    """Return the win rates of some labeled months.

    Args:
        rows: the training set.
        months: the months, at least one.
        tallies: wins and deals of months that were counted before; new ones are added.
    """
    label, known = rows.target.name, {} if tallies is None else tallies
    for month in months:
        if month not in known:
            table = rows.rows([month], [PLACE, label])
            known[month] = table.groupby(PLACE)[label].agg(wins="sum", deals="count")
    return season_of(known[month] for month in months)


def season_of(tallies: Iterable[pd.DataFrame]) -> Season:
    """Return the win rates that some months tell, at least one: `wins` and `deals` of each by place."""
    seen = pd.concat(tallies).groupby(level=0).sum()
    return Season(seen["wins"] / seen["deals"], seen["wins"].sum() / seen["deals"].sum())


def seasonal_rate(rows: TrainingRows, months: list[str]) -> pd.DataFrame:
    """Return the walk-forward predictions of the seasonal rate.

    Every deal of month t gets the win rate of the months with known labels that predict the same month of
    the quarter, or the overall rate if there is no such month.

    Returns:
        Columns `snapshot_month`, `opportunity_id`, the target's label, `probability`.
    """
    label = rows.target.name
    parts: list[pd.DataFrame] = []
    tallies: dict[str, pd.DataFrame] = {}
    for lesson in lessons(rows, months, [], 0):
        table = rows.rows([lesson.as_of], [*KEYS, PLACE, label])
        rates = season(rows, list(lesson.months), tallies)
        parts.append(table[[*KEYS, label]].assign(probability=rates.of(table)))
    return pd.concat(parts, ignore_index=True)

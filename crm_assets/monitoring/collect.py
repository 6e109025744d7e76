"""Collects the populations of a month from whoever has the rows: the store, or frames of a study."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa

from crm_assets.crm.months import month_of, shift
from crm_assets.crm.schema import SOURCE_ROW
from crm_assets.crm.targets import TARGETS
from crm_assets.monitoring.compared_months import history
from crm_assets.monitoring.drift import MonthRows, Population
from crm_assets.monitoring.populations import (
    DEAL,
    FEATURES,
    OPEN_DEALS,
    PREDICTED_DEALS,
    PREDICTIONS,
    SHARED,
    dated_name,
    dated_rows,
    dated_tables,
    labels,
    sampled,
)

LONGEST = max(target.months for target in TARGETS)


@dataclass(frozen=True)
class Collector:
    """Collects the populations of months, and reads the rows of each month once.

    Attributes:
        raw: returns the raw tables that say what was known of a month; None for a month without.
        open_deals: returns the deals open at a month's end, with their ids, features and predictions; None
            if the month is not stored.
        wins: returns the won deals as known at a month's end: `opportunity_id` and `close_date`.
        run: runs an expression.
    """

    raw: Callable[[str], Mapping[str, ir.Table] | None]
    open_deals: Callable[[str], MonthRows | None]
    wins: Callable[[str], pd.DataFrame]
    run: Callable[[ir.Table], pa.Table]
    _dated: dict[tuple[str, str], MonthRows | None] = field(default_factory=dict, repr=False)
    _open: dict[str, MonthRows | None] = field(default_factory=dict, repr=False)

    def populations(self, month: str) -> list[Population]:
        """Return the populations of a month, with the months that it is compared with."""
        months = [*history(month), month]
        return [*self._dated_populations(months), *self._open_populations(months)]

    def knowing(self, other: Collector, before: str) -> Collector:
        """Return this collector with the rows of earlier months that another one has read.

        Args:
            other: a collector that reads the same rows for months before `before`.
            before: `YYYY-MM`.
        """
        self._dated.update({key: rows for key, rows in other._dated.items() if key[1] < before})
        self._open.update({month: rows for month, rows in other._open.items() if month < before})
        return self

    def _dated_populations(self, months: list[str]) -> list[Population]:
        found = []
        for table, dating in dated_tables():
            name = dated_name(table, dating)
            for month in months:
                if (name, month) not in self._dated:
                    raw = self.raw(month)
                    rows = None if raw is None else dated_rows(raw, table, dating, month)
                    self._dated[name, month] = None if rows is None else self._sampled(rows)
            made = {month: rows for month in months if (rows := self._dated[name, month]) is not None}
            # Before the first row, nothing was recorded yet.
            first = min((month for month, rows in made.items() if rows.rows), default=None)
            if first is not None:
                begun = {month: rows for month, rows in made.items() if month >= first}
                found.append(Population(name, begun, dating.column))
        return found

    def _sampled(self, rows: ir.Table) -> MonthRows:
        return sampled(self.run(rows).drop_columns([SOURCE_ROW.name]))

    def _open_populations(self, months: list[str]) -> list[Population]:
        wins = self.wins(months[-1])
        first = "" if wins.empty else month_of(pd.to_datetime(wins["close_date"]).min().date())
        wanted = [shift(months[0], -back) for back in range(LONGEST, 0, -1)] + months
        for month in wanted:
            if month not in self._open:
                self._open[month] = self.open_deals(month)
        stored = {month: rows for month in wanted if (rows := self._open[month]) is not None}
        # Before the first closing month, no record of an agent or a product says anything.
        shown = {month: rows for month, rows in stored.items() if month in months and month >= first}
        found = [
            Population(
                OPEN_DEALS, {month: _only(rows, FEATURES) for month, rows in shown.items()}, shared=SHARED
            ),
            Population(
                PREDICTED_DEALS,
                {
                    month: _only(rows, PREDICTIONS)
                    for month, rows in shown.items()
                    if not set(PREDICTIONS).isdisjoint(rows.frame.columns)
                },
            ),
        ]
        ids = {month: rows.frame[DEAL] for month, rows in stored.items()}
        by_target = labels(ids, wins, months, first)
        for target in TARGETS:
            before = "the month" if target.months == 1 else f"{target.months} months"
            found.append(Population(f"deals open {before} before", by_target[target.name]))
        return found


def _only(rows: MonthRows, names: Iterable[str]) -> MonthRows:
    return MonthRows(rows.rows, rows.frame[[name for name in names if name in rows.frame]])

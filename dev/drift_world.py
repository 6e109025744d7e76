"""A CRM month by month, for tests and benchmarks of drift: raw tables, and the open deals of each month."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from crm_assets.crm import cleaning
from crm_assets.crm.features import deal_features, win_features, with_deal_features
from crm_assets.crm.horizon import horizon
from crm_assets.crm.months import MonthRange, month_end
from crm_assets.crm.schema import RAW_TABLES, Stage, as_given
from crm_assets.crm.snapshots import month_rows, snapshots
from crm_assets.monitoring.collect import Collector
from crm_assets.monitoring.drift import MonthRows, judged
from crm_assets.monitoring.findings import drift_report
from crm_assets.monitoring.populations import made_from, sampled
from crm_assets.sources.base import Source

Raw = Mapping[str, pd.DataFrame]
Predict = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class World:
    """What a CRM says: one dump for all months up to one, and another from then on.

    Attributes:
        raw: the raw tables.
        first: first month.
        before: the world whose dump tells the months before `since`; None: this one tells them.
        since: the first month that `raw` tells.
    """

    raw: Raw
    first: str
    before: World | None = None
    since: str = ""
    _features: dict[str, MonthRows] = field(default_factory=dict, repr=False)

    @cached_property
    def tables(self) -> dict[str, ir.Table]:
        """The raw tables as expressions."""
        return {name: ibis.memtable(rows) for name, rows in typed(self.raw).items()}

    @cached_property
    def opportunities(self) -> ir.Table:
        """The cleaned deals."""
        return ibis.memtable(cleaning.opportunities(self.tables, self.first).to_pyarrow())

    @cached_property
    def months(self) -> list[str]:
        """The months that the data covers."""
        return list(MonthRange(self.first, horizon(self.opportunities, None)))

    def of(self, month: str) -> World:
        """Return the world that tells a month."""
        return self if self.before is None or month >= self.since else self.before.of(month)

    def open_deals(self, month: str) -> MonthRows | None:
        """Return the deals open at a month's end, with their features."""
        teller = self.of(month)
        if teller is not self:
            return teller.open_deals(month)
        if month not in self.months:
            return None
        if month not in self._features:
            # One query for all months of a dump; of a changed dump, only those that are asked for.
            wanted = [month] if self.before else self.months
            made = self._made(wanted)
            for one in wanted:
                self._features[one] = sampled(made.filter(pc.equal(made["snapshot_month"], one)))
        return self._features.get(month)

    def _made(self, months: list[str]) -> pa.Table:
        calendar = ibis.memtable(month_rows(months, self.months[-1]))
        known = ibis.memtable(snapshots(self.opportunities, calendar).to_pyarrow())
        features = win_features(self.opportunities, calendar, known)
        return with_deal_features(features, deal_features(calendar, known)).to_pyarrow()

    def wins(self, month: str) -> pd.DataFrame:
        """Return the deals won by a month's end."""
        deals = self.of(month).opportunities
        won = (deals.stage == Stage.WON.value) & (deals.close_date <= ibis.literal(month_end(month)))
        return deals.filter(won).select("opportunity_id", "close_date").to_pandas()

    @cached_property
    def collector(self) -> Collector:
        """What collects the populations of its months."""

        def raw(month: str) -> Mapping[str, ir.Table] | None:
            return self.of(month).tables if month >= self.first else None

        collector = Collector(raw, self.open_deals, self.wins, lambda table: table.to_pyarrow())
        return collector if self.before is None else collector.knowing(self.before.collector, self.since)

    def report(self, month: str) -> pd.DataFrame:
        """Return the columns of `DRIFT_REPORT` for a month."""
        return drift_report(judged(self.collector.populations(month), month), month, made_from)


def world(source: Source) -> World:
    """Return the world of a source of raw data."""
    taken = source.take(*RAW_TABLES)
    raw = {name: table.rows.to_pandas() for name, table in taken.items()}
    return World(raw, source.month_range().first)


def changed(before: World, raw: Raw, since: str) -> World:
    """Return a world whose dump is another one from a month on."""
    return World(raw, before.first, before, since)


def typed(raw: Raw) -> dict[str, pa.Table]:
    """Return raw tables with their types."""
    made = {}
    for table in RAW_TABLES:
        schema = as_given(table.arrow, raw[table.name].columns)
        made[table.name] = pa.Table.from_pandas(raw[table.name], schema, preserve_index=False)
    return made

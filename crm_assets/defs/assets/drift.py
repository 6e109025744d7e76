"""Whether the data of a month is still what it was: drift of raw tables, features, predictions and labels."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from urllib.parse import quote

import dagster as dg
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa

from crm_assets.crm.archive import RAW_ARCHIVE, record_of
from crm_assets.crm.schema import RAW_TABLES
from crm_assets.crm.tables import DEAL_FEATURES_TABLE, MONTHLY_SNAPSHOTS, WIN_FEATURES, WIN_PREDICTIONS
from crm_assets.defs.assets.options import table_asset
from crm_assets.defs.dumps import AT_HAND, deals_at_hand
from crm_assets.defs.metadata import Fact, link, table
from crm_assets.defs.partitions import calendar, data_horizon
from crm_assets.defs.resources.store import TableStoreResource
from crm_assets.monitoring.drift_table import DRIFT_REPORT
from crm_assets.storage.archive import Archive
from crm_assets.storage.monthly import MonthlyFrames, MonthlyTables
from crm_assets.storage.tables import TableStore

SHOWN = ["column", "population", "what", "strength", "follows"]
NOT_OVER = "The data does not cover this month yet."
TOO_LITTLE = "There are fewer than three months before it to compare with."


@table_asset(
    DRIFT_REPORT,
    "monitoring",
    "pandas",
    "parquet",
    by_month=True,
    deps=[
        RAW_ARCHIVE.name,
        WIN_FEATURES.name,
        DEAL_FEATURES_TABLE.name,
        WIN_PREDICTIONS.name,
    ],
)
def drift_report(
    context: dg.AssetExecutionContext,
    opportunities: ir.Table,
    monthly_snapshots: MonthlyTables,
    tables: TableStoreResource,
) -> MonthlyFrames:
    """One row per month, population and column: how far its values moved, and whether that is drift.

    It compares the dated rows of the raw tables, the open deals of win_features and deal_features, their
    win_predictions, and what became of them, with the preceding months or, where there is a season, with the
    same place in the quarter. A page with Evidently's pictures is stored beside the table. Sales operations
    looks at it when a month is over; drift and a worse forecast together are an alarm.
    """
    from crm_assets.monitoring import drift, findings, populations, report
    from crm_assets.monitoring.collect import Collector

    store, last = tables.store, data_horizon(opportunities)
    stored = StoredMonths(store, _raw(store, opportunities))
    collector = Collector(stored.raw, stored.open_deals, stored.wins, store.engine.to_pyarrow)

    def compared(month: str) -> pd.DataFrame:
        verdicts = drift.judged(collector.populations(month), month) if month <= last else []
        frame = findings.drift_report(verdicts, month, populations.made_from)
        facts = _facts(frame) if verdicts else {Fact.NOT_COMPARED: NOT_OVER if month > last else TOO_LITTLE}
        if verdicts:
            # The verdicts need no pictures, and alarms need the verdicts.
            facts[Fact.REPORT] = report.missing() or _keep(store, month, report.html(verdicts, frame, month))
        context.add_asset_metadata(facts, partition_key=month)
        return frame

    return MonthlyFrames(monthly_snapshots, compared)


class StoredMonths:
    """The rows of months as the store has them.

    Args:
        store: the store.
        raw: returns the raw tables that say what was known of a month.
    """

    def __init__(self, store: TableStore, raw: Callable[[str], Mapping[str, ir.Table]]) -> None:
        self.store, self._raw = store, raw

    def raw(self, month: str) -> Mapping[str, ir.Table] | None:
        """Return the raw tables of a month."""
        return self._raw(month) if month >= calendar().first else None

    def open_deals(self, month: str) -> Any:
        """Return the open deals of a month, or a sample of them, with features and predictions."""
        from crm_assets.monitoring import populations

        if month not in self.store.months(WIN_FEATURES.name):
            return None
        rows = populations.sampled(self._table(WIN_FEATURES.name, month))
        for name in (DEAL_FEATURES_TABLE.name, WIN_PREDICTIONS.name):
            if month in self.store.months(name):
                rows = populations.joined(rows, self._table(name, month, populations.compared_columns()))
        return rows

    def wins(self, month: str) -> pd.DataFrame:
        """Return the deals won by the end of a month."""
        from crm_assets.monitoring import populations

        return populations.wins(self.store.read(MONTHLY_SNAPSHOTS.name, [month])).to_pandas()

    def _table(self, name: str, month: str, columns: tuple[str, ...] | None = None) -> pa.Table:
        import pyarrow.parquet as pq

        path = self.store.path(name, month)
        there = set(pq.read_schema(path).names)
        return pq.read_table(path, columns=None if columns is None else [c for c in columns if c in there])


def _raw(store: TableStore, opportunities: ir.Table) -> Callable[[str], Mapping[str, ir.Table]]:
    """Return the function that gives the raw tables that say what was known of a month."""
    archive, (_, dumps) = Archive(store), deals_at_hand(store, opportunities)

    @cache
    def of(number: int) -> Mapping[str, ir.Table]:
        dump = dumps[number]
        if dump.number == AT_HAND or archive.holds(dump):
            return {raw.name: store.read(raw.name) for raw in RAW_TABLES}
        return archive.tables(dump)

    return lambda month: of(dumps.index(record_of(month, dumps).dump))


def _keep(store: TableStore, month: str, page: str) -> dg.MetadataValue:
    """Store the page of a month beside its table, and return the link to it."""
    draft, key = store.files.draft(), f"{DRIFT_REPORT.name}/{month}.html"
    draft.write_text(page, "utf-8")
    store.files.publish(draft, key)
    where = store.files.where(key)
    return link(where) if "://" in where else dg.MetadataValue.url(f"file://{quote(where)}")


def _facts(frame: pd.DataFrame) -> dict[str, Any]:
    """Return what the UI shows about a month."""
    flagged = frame[frame["flagged"].astype(bool)]
    columns = flagged.loc[flagged["follows"].isna(), "column"].unique()
    return {
        Fact.COMPARED: len(frame),
        Fact.DRIFTED: ", ".join(columns) or "none",
        Fact.DRIFT: table(flagged[SHOWN]),
    }


drift_assets = [drift_report]

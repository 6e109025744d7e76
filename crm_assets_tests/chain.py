"""The core's chain for tests, from the CSV files of a dump to features."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv

from crm_assets.crm import cleaning
from crm_assets.crm.features import monthly_features
from crm_assets.crm.horizon import horizon
from crm_assets.crm.months import month_end
from crm_assets.crm.schema import CLOSED_STAGES, RAW_SALES_PIPELINE, RAW_TABLES, SOURCE_ROW, Stage
from crm_assets.crm.snapshots import monthly_snapshots
from crm_assets.crm.tables import MONTHLY_SNAPSHOTS, OPPORTUNITIES, WIN_FEATURES
from crm_assets.sources.csv_folder import CsvFolder
from crm_assets.sources.sample import SyntheticSample
from crm_assets.storage.folder import Folder
from crm_assets.storage.tables import TableStore

CLOSED = [stage.value for stage in CLOSED_STAGES]


@dataclass(frozen=True)
class Chain:
    """The tables of one dump, as parquet files, and its months."""

    store: TableStore
    months: list[str]
    horizon: str

    def opportunities(self) -> pd.DataFrame:
        return self.store.to_pandas(self.store.read("opportunities"))

    def snapshot(self, month: str) -> pd.DataFrame:
        return self.store.to_pandas(self.store.read("monthly_snapshots", [month]))

    def features(self, month: str) -> pd.DataFrame:
        return self.store.to_pandas(self.store.read("win_features", [month]))

    def file(self, table: str, month: str) -> bytes:
        return self.store.path(table, month).read_bytes()


def run_chain(dump: Path, base: Path, months: list[str] | None = None) -> Chain:
    """Raw tables, cleaned deals, and the snapshots and features of some months, all of them by default."""
    source, store = CsvFolder(dump, "test"), TableStore(Folder(base))
    for table in RAW_TABLES:
        store.write(table.name, source.read(table), table.arrow)
    raw = [store.read(table.name) for table in RAW_TABLES]
    calendar = source.month_range()
    store.write("opportunities", cleaning.opportunities(*raw, calendar.first), OPPORTUNITIES.arrow)
    deals = store.read("opportunities")
    last = horizon(deals, None)
    made = months or list(calendar)
    write_months(store, deals, made, last)
    return Chain(store, made, last)


def write_months(store: TableStore, deals: ir.Table, months: list[str], last: str) -> None:
    """Store the snapshots and the features of some months."""
    for table, query in (
        (MONTHLY_SNAPSHOTS, monthly_snapshots(deals, months)),
        (WIN_FEATURES, monthly_features(deals, months, last)),
    ):
        assert [month for month, _ in store.write_months(table.name, query, table.arrow)] == months


def cleaned(sample: SyntheticSample, tables: dict[str, pa.Table] | None = None) -> ir.Table:
    """The cleaned deals of a sample, some of its raw tables replaced."""
    raw = {table.name: sample.read(table) for table in RAW_TABLES} | (tables or {})
    return cleaning.opportunities(
        *(ibis.memtable(raw[table.name]) for table in RAW_TABLES), sample.month_range().first
    )


def rewrite_dump_after(dump: Path, month: str, seed: int) -> None:
    """Change everything in a dump's deals that is dated after `month`: delete, move, swap, add."""
    random = np.random.default_rng(seed)
    path = dump / RAW_SALES_PIPELINE.file_name
    deals = pd.read_csv(path, dtype=str, keep_default_na=False)
    end = month_end(month)
    last = pd.Timestamp(end)
    engaged, closed = pd.to_datetime(deals["engage_date"]), pd.to_datetime(deals["close_date"])
    later_closing = (engaged <= last) & ~(closed <= last)
    later_deal = engaged > last
    for row in deals.index[later_closing]:
        _close_anew(deals, row, end, random)
    for row in deals.index[later_deal]:
        deals.loc[row, "engage_date"] = _day(end, 1 + int(random.integers(200)))
        _close_anew(deals, row, date.fromisoformat(str(deals.loc[row, "engage_date"])), random)
        deals.loc[row, "sales_agent"] = deals["sales_agent"].iloc[random.integers(len(deals))]
        deals.loc[row, "product"] = deals["product"].iloc[random.integers(len(deals))]
        deals.loc[row, "account"] = deals["account"].iloc[random.integers(len(deals))]
    added = deals[later_deal].sample(frac=0.5, random_state=seed)
    added = added.assign(opportunity_id=[f"ADDED{number}" for number in range(len(added))])
    kept = deals[~(later_deal & (random.random(len(deals)) < 0.3))]
    rewritten = pd.concat([added, kept]).sample(frac=1, random_state=seed)
    rewritten.to_csv(path, index=False)


def _close_anew(deals: pd.DataFrame, row: int, after: date, random: np.random.Generator) -> None:
    stage = random.choice([Stage.ENGAGING.value, *CLOSED])
    day = "" if stage == Stage.ENGAGING else _day(after, 1 + int(random.integers(200)))
    value = {Stage.ENGAGING.value: "", Stage.LOST.value: "0", Stage.WON.value: str(random.integers(1, 9_999))}
    deals.loc[row, ["deal_stage", "close_date", "close_value"]] = [stage, day, value[stage]]


def _day(after: date, days: int) -> str:
    return f"{after + timedelta(days=days):%Y-%m-%d}"


def write_dump(folder: Path, sample: SyntheticSample) -> Path:
    """Write a synthetic CRM as the four CSV files of a dump."""
    folder.mkdir(parents=True)
    for table in RAW_TABLES:
        rows = sample.read(table).drop_columns([SOURCE_ROW.name])
        csv.write_csv(rows, folder / table.file_name, csv.WriteOptions(quoting_style="needed"))
    return folder

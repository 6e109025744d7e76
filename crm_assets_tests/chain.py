"""The chain of the core for tests, from the CSV files of a dump to features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv

from crm_assets.console.replay.past import without_strays
from crm_assets.crm import cleaning
from crm_assets.crm.features import monthly_deal_features, monthly_features
from crm_assets.crm.horizon import horizon
from crm_assets.crm.months import month_end
from crm_assets.crm.name_rules import KnownName
from crm_assets.crm.raw_rules import rules_of
from crm_assets.crm.schema import (
    CLOSED_STAGES,
    RAW_SALES_PIPELINE,
    RAW_TABLES,
    SOURCE_ROW,
    Column,
    Dating,
    RawTable,
)
from crm_assets.crm.snapshots import monthly_snapshots
from crm_assets.crm.tables import DEAL_FEATURES_TABLE, MONTHLY_SNAPSHOTS, OPPORTUNITIES, WIN_FEATURES
from crm_assets.engine.duckdb import DuckDBEngine, connect
from crm_assets.sources.csv_folder import CsvFolder
from crm_assets.sources.sample import FIRST_DAY, LAST_DAY, SyntheticSample
from crm_assets.storage.folder import Folder
from crm_assets.storage.tables import TableStore

CLOSED = [stage.value for stage in CLOSED_STAGES]

# The shares of later rows that a rewrite deletes and adds, and of open rows that it closes differently.
DELETED, ADDED, CLOSED_AGAIN = 0.3, 0.5, 0.7


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
    """Make raw tables, cleaned deals, and the snapshots and features of some months (default: all)."""
    source, store = CsvFolder(dump, "test"), TableStore(Folder(base))
    for name, taken in source.take(*RAW_TABLES).items():
        store.write(name, taken.rows, taken.rows.schema)
    raw = {table.name: store.read(table.name) for table in RAW_TABLES}
    calendar = source.month_range()
    store.write("opportunities", cleaning.opportunities(raw, calendar.first), OPPORTUNITIES.arrow)
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
        (DEAL_FEATURES_TABLE, monthly_deal_features(deals, months)),
    ):
        assert [month for month, _ in store.write_months(table.name, query, table.arrow)] == months


def cleaned(sample: SyntheticSample, tables: dict[str, pa.Table] | None = None) -> pa.Table:
    """Return the cleaned deals of a sample, with some of its raw tables replaced."""
    raw = {table.name: sample.read(table) for table in RAW_TABLES} | (tables or {})
    return opportunities(raw, sample.month_range().first)


def opportunities(raw: Mapping[str, pa.Table], first_month: str) -> pa.Table:
    """Clean raw tables; the query is compiled once for all tables with the same columns."""
    given = {table.name: raw[table.name] for table in cleaning.JOINED}
    sql, schema = _cleaning(tuple((name, rows.schema) for name, rows in given.items()), first_month)
    with _engine().session() as session:
        for name, rows in given.items():
            session.put(name, rows)
        return session.whole(sql).cast(schema)


@cache
def _cleaning(tables: tuple[tuple[str, pa.Schema], ...], first_month: str) -> tuple[str, pa.Schema]:
    unbound = {name: ibis.table(ibis.Schema.from_pyarrow(schema), name=name) for name, schema in tables}
    query = cleaning.opportunities(unbound, first_month)
    return str(_engine().compile(query)), query.schema().to_pyarrow()


@cache
def _engine() -> DuckDBEngine:
    return connect()


def made_up(table: RawTable, others: Mapping[str, pa.Table], rows: int, seed: int) -> pa.Table:
    """Make rows of any raw table that keep its rules: dates of the sample, names of `others`."""
    random = np.random.default_rng(seed)
    names = {
        rule.blames: others[rule.of.table][rule.of.column].to_pylist()
        for rule in rules_of(table)
        if isinstance(rule, KnownName)
    }

    def value(column: Column, row: int) -> object:
        if column.name in names:
            return names[column.name][random.integers(len(names[column.name]))]
        if column.dtype == "date":
            return FIRST_DAY + timedelta(days=int(random.integers((LAST_DAY - FIRST_DAY).days)))
        if column == SOURCE_ROW:
            return row + 2
        if column.dtype == "boolean":
            return bool(random.integers(2))
        if column.dtype in ("int64", "float64"):
            return int(random.integers(2_000, 2_200))
        return f"{column.name} {row}"

    made = [{column.name: value(column, row) for column in table.columns} for row in range(rows)]
    return pa.Table.from_pylist(made, table.arrow)


def full_dump(sample: SyntheticSample) -> dict[str, pa.Table]:
    """Return the raw tables of a sample, with made-up rows and columns where it lacks them."""
    dump: dict[str, pa.Table] = {}
    for number, table in enumerate(RAW_TABLES):
        rows = sample.read(table)
        there = table.is_there(rows.num_rows)
        dump[table.name] = rows if there else made_up(table, dump, sample.opportunities, seed=number)
    return dump | {RAW_SALES_PIPELINE.name: with_details(dump[RAW_SALES_PIPELINE.name])}


def with_details(deals: pa.Table, seed: int = 3) -> pa.Table:
    """Add to the deals of a sample everything that a CRM may say of them."""
    random = np.random.default_rng(seed)

    def deal(row: dict[str, Any]) -> dict[str, Any]:
        engaged, closed = row["engage_date"], row["close_date"]
        start = engaged or FIRST_DAY + timedelta(days=int(random.integers(400)))
        place = None if closed else int(random.integers(1, 4))
        return row | {
            "created_date": start - timedelta(days=int(random.integers(30))),
            "expected_close_date": start + timedelta(days=int(random.integers(30, 200))),
            "amount": float(random.integers(100, 9_000)),
            "currency": "EUR",
            "pipeline": ("Sales", "Renewals")[int(random.integers(2))],
            "stage_name": row["deal_stage"] if closed else f"Step {place}",
            "stage_position": place,
            "stage_changed_date": closed or start + timedelta(days=int(random.integers(60))),
            "crm_probability": int(random.integers(11)) / 10,
            "forecast_category": ("Pipeline", "Commit", None)[int(random.integers(3))],
        }

    return pa.Table.from_pylist([deal(row) for row in deals.to_pylist()], RAW_SALES_PIPELINE.arrow)


def rewritten_after(dump: Mapping[str, pa.Table], month: str, seed: int) -> dict[str, pa.Table]:
    """Change everything in the raw tables that is dated after `month`, as their `dated_by` says.

    It deletes later rows, moves them to other days, changes their contents, and adds rows. Values that come
    with a later date are delayed, removed or changed. Rows change their order.
    """
    random = np.random.default_rng(seed)
    tables = {t.name: _rows_rewritten(dump[t.name], t, month, random) for t in RAW_TABLES}
    return without_strays(tables)


def rewrite_dump_after(folder: Path, month: str, seed: int) -> None:
    """Change everything in the files of a dump that is dated after `month`."""
    dump = {name: taken.rows for name, taken in CsvFolder(folder, "test").take(*RAW_TABLES).items()}
    write_tables(folder, rewritten_after(dump, month, seed))


def _rows_rewritten(rows: pa.Table, table: RawTable, month: str, random: np.random.Generator) -> pa.Table:
    table = table.having(rows.column_names)
    if not table.dated_by or not rows.num_rows:
        return rows
    end, (first, *later) = month_end(month), table.dated_by
    records = rows.to_pylist()
    kept, added = [], []
    for record in records:
        known = _known(record, first)
        row = dict(record)
        if known is not None and known > end:
            if random.random() < DELETED:
                continue
            known = _day(end, random)
            for name in sorted(set(table.names) - set(table.key) - {SOURCE_ROW.name, *_dated(table)}):
                row[name] = records[random.integers(len(records))][name]
            row[first.column] = known
            # The others come later, or not at all.
            row |= dict.fromkeys(first.or_on)
        elif row[first.column] and row[first.column] > end:
            row[first.column] = _day(end, random)
        if known is not None:
            row = _happening(row, records, later, end, max(known, end), random)
        kept.append(row)
        if known is not None and known > end and random.random() < ADDED:
            added.append(row | {name: f"ADDED{len(added)}" for name in _own_names(table)})
    rewritten = [kept[at] for at in random.permutation(len(kept))] + added
    numbered = [row | {SOURCE_ROW.name: number} for number, row in enumerate(rewritten, start=2)]
    return pa.Table.from_pylist(numbered, rows.schema)


def _happening(
    row: dict[str, Any],
    records: list[dict[str, Any]],
    later: list[Dating],
    end: date,
    after: date,
    random: np.random.Generator,
) -> dict[str, Any]:
    """Let what happens to a row after `end` happen after `after`, with other values, or not at all."""
    yet_to_come = [dating for dating in later if not (row[dating.column] and row[dating.column] <= end)]
    for dating in reversed(yet_to_come):
        row |= dict.fromkeys((dating.column, *dating.known_with)) | dict(dating.before)
    waiting: set[str] = set()
    for number, dating in enumerate(yet_to_come):
        changed = {name for name, _ in dating.before}
        donors = [donor for donor in records if donor[dating.column]]
        if changed & waiting or not donors or random.random() > CLOSED_AGAIN:
            # A deal that is not engaged does not close.
            waiting |= changed
            continue
        donor = donors[random.integers(len(donors))]
        row |= {name: donor[name] for name in dating.columns}
        # Until the next change of the same column.
        for other in reversed(yet_to_come[number + 1 :]):
            row |= {name: value for name, value in other.before if name in changed}
        after = row[dating.column] = _day(after, random)
    return row


def _known(record: dict[str, Any], first: Dating) -> date | None:
    return min((record[name] for name in first.dates if record[name]), default=None)


def _dated(table: RawTable) -> set[str]:
    return {name for dating in table.dated_by for name in (*dating.columns, *dating.or_on)}


def _own_names(table: RawTable) -> list[str]:
    """Return the key columns that name the table's own rows, not those of another table."""
    foreign = {rule.blames for rule in rules_of(table) if isinstance(rule, KnownName)}
    return [name for name in table.key if table[name].dtype == "string" and name not in foreign]


def _day(after: date, random: np.random.Generator) -> date:
    return after + timedelta(days=1 + int(random.integers(200)))


def write_dump(folder: Path, sample: SyntheticSample) -> Path:
    """Write a synthetic CRM as the CSV files of a dump."""
    return write_tables(folder, {table.name: sample.read(table) for table in RAW_TABLES})


def write_tables(folder: Path, dump: Mapping[str, pa.Table]) -> Path:
    """Write raw tables as the CSV files of a dump; optional ones without rows are left out."""
    folder.mkdir(parents=True, exist_ok=True)
    for table in (table for table in RAW_TABLES if table.name in dump):
        rows = dump[table.name].drop_columns([SOURCE_ROW.name])
        if table.is_there(rows.num_rows):
            csv.write_csv(rows, folder / table.file_name, csv.WriteOptions(quoting_style="needed"))
    return folder

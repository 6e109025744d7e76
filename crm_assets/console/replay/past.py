"""Make the files that a CRM exported at the end of a month: from an archived dump, or from a later one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from crm_assets.crm.archive import Dump, record_of
from crm_assets.crm.months import month_end
from crm_assets.crm.raw_rules import rules_of
from crm_assets.crm.rules import applicable
from crm_assets.crm.schema import RAW_TABLES, SOURCE_ROW, RawTable
from crm_assets.sources.base import Source
from crm_assets.sources.judge import faults, reader
from crm_assets.storage.archive import Archive


@dataclass(frozen=True)
class Past:
    """The raw tables of a CRM as they stood at the end of each month.

    Attributes:
        source: today's dump.
        archive: the archived dumps of earlier days, if any.
        dumps: those in use, in order.
    """

    source: Source
    archive: Archive | None = None
    dumps: tuple[Dump, ...] = ()

    @property
    def is_recorded(self) -> bool:
        """Whether there are archived dumps of more than one day."""
        return self.archive is not None and len(self.dumps) > 1

    def tables(self, month: str) -> dict[str, pa.Table]:
        """Return the raw tables as they stood at the end of `month`, by name.

        An archived dump of the month's last days is returned as it is. Otherwise, what is dated later is
        undone in the next dump.
        """
        if self.archive is None or not self.is_recorded:
            return dump_as_of(self.today, month)
        dump = record_of(month, list(self.dumps)).dump
        tables = {name: rows.to_pyarrow() for name, rows in self.archive.tables(dump).items()}
        return tables if dump.records(month) else dump_as_of(tables, month)

    @cached_property
    def today(self) -> dict[str, pa.Table]:
        """The raw tables of today's dump, by name."""
        return {name: taken.rows for name, taken in self.source.take(*RAW_TABLES).items()}

    def export(self, folder: Path, month: str) -> None:
        """Write the CSV files as they stood at the end of `month`; an optional file only if it had rows.

        Args:
            folder: where to write the files; made if needed.
            month: `YYYY-MM`.
        """
        folder.mkdir(parents=True, exist_ok=True)
        known = self.tables(month)
        for table in RAW_TABLES:
            rows = known[table.name]
            if table.is_there(rows.num_rows):
                csv.write_csv(rows.drop_columns([SOURCE_ROW.name]), folder / table.file_name)
            else:
                (folder / table.file_name).unlink(missing_ok=True)


def export_as_of(source: Source, folder: Path, month: str) -> None:
    """Write the CSV files of a later dump as they stood at the end of `month`; see `Past.export`."""
    Past(source).export(folder, month)


def dump_as_of(dump: Mapping[str, pa.Table], month: str) -> dict[str, pa.Table]:
    """Return the raw tables as they stood at the end of `month`.

    Rows that refer to a row which was not known yet are left out too, for example activities of a later deal.

    Args:
        dump: the raw tables of the later dump, by name.
        month: `YYYY-MM`.
    """
    return without_strays({t.name: rows_as_of(dump[t.name], t, month) for t in RAW_TABLES})


def rows_as_of(rows: pa.Table, table: RawTable, month: str) -> pa.Table:
    """Return the rows of a raw table as they stood at the end of `month`, as its `dated_by` says.

    A row is left out if its first date is later, or if it has none, since the dump does not say when the row
    came. Values that came with a later date are reset to those before it. Columns without a date
    stay as in the dump, which does not say when they were written.

    Args:
        rows: columns of `table`.
        table: the raw table.
        month: `YYYY-MM`.
    """
    end = pa.scalar(month_end(month), pa.date32())
    dated_by = table.having(rows.column_names).dated_by
    if dated_by:
        known = pc.min_element_wise(*(rows[name] for name in dated_by[0].dates), skip_nulls=True)
        rows = rows.filter(pc.less_equal(known, end))
    # The last first: what a deal was before it closed may itself have come later.
    for dating in reversed(dated_by):
        later = pc.fill_null(pc.greater(rows[dating.column], end), fill_value=False)
        before = dict.fromkeys((dating.column, *dating.known_with)) | dict(dating.before)
        for name, value in before.items():
            was = pc.if_else(later, pa.scalar(value, rows[name].type), rows[name])
            rows = rows.set_column(rows.column_names.index(name), rows.schema.field(name), was)
    return rows


def without_strays(tables: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    """Leave out rows that refer to a missing row of another table."""
    kept: dict[str, ir.Table] = {}
    found: dict[str, pa.Table] = {}
    absent = [table.name for table in RAW_TABLES if not table.is_there(tables[table.name].num_rows)]
    for table in RAW_TABLES:
        rows = tables[table.name]
        judged = applicable(rules_of(table), rows.column_names, absent)
        looking = [rule for rule in judged if rule.severity == "must" and rule.other_table in kept]
        if looking:
            expression = ibis.memtable(rows)
            strays = faults(expression, [rule.resolved(expression, reader(kept)) for rule in looking])
            there = np.ones(rows.num_rows, dtype=bool)
            for fault in strays:
                there[fault.positions] = False
            rows = rows.filter(pa.array(there))
        found[table.name], kept[table.name] = rows, ibis.memtable(rows)
    return found

"""Archived dumps: what one is, and which of them tells what was known in a month."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import groupby, pairwise

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from crm_assets.crm.horizon import QUIET_DAYS
from crm_assets.crm.months import month_end
from crm_assets.crm.schema import RAW_TABLES, Column, TableSchema
from crm_assets.errors import SettingsError

RAW_ARCHIVE = TableSchema(
    name="raw_archive",
    description="The archived dumps: one row per dump and raw table, with the day the dump was known.",
    key=("dump", "table"),
    columns=(
        Column("dump", "string", "The dump: its day, with a number if the day has several.", nullable=False),
        Column("known_on", "date", "Last day that the dump shows.", nullable=False),
        Column("table", "string", "Raw table, or `quarantined_rows`.", nullable=False),
        Column("rows", "int64", "Rows of the table.", "rows", nullable=False),
        Column("digest", "string", "SHA-256 of the table's file, which is named by it.", nullable=False),
        Column("bytes", "int64", "Size of that file.", "bytes", nullable=False),
        Column("first_in", "string", "First dump with the same table; they share a file.", nullable=False),
        Column("used", "boolean", "Whether snapshots and history use the dump.", nullable=False),
    ),
)


@dataclass(frozen=True)
class Kept:
    """A table of an archived dump: the digest of its file, its row count, and the file's size in bytes."""

    digest: str
    rows: int
    size: int


@dataclass(frozen=True)
class Dump:
    """A dump of the CRM as it was taken in.

    Attributes:
        known_on: last day that it shows.
        number: 1 for the first dump of that day; a later one replaces those before it.
        tables: what it holds, by name.
    """

    known_on: date
    number: int
    tables: Mapping[str, Kept]

    @property
    def name(self) -> str:
        """The day, with the number from the second dump of a day on."""
        return f"{self.known_on}" if self.number == 1 else f"{self.known_on}-{self.number}"

    def records(self, month: str) -> bool:
        """Return whether it was known by the end of a month, so that it holds nothing later."""
        return self.known_on <= month_end(month)


@dataclass(frozen=True)
class Record:
    """The dumps that a month's snapshot is made from.

    Attributes:
        dump: says which deals there are, and when they were engaged and closed.
        before: the newest dump known by the month's end, if it is another one: what it says of a deal was
            known then, which `dump` cannot promise.
    """

    dump: Dump
    before: Dump | None = None


def newest_date(tables: Mapping[str, pa.Table]) -> date | None:
    """Return the newest date in raw tables, as their `dated_by` says; None if there is none.

    Args:
        tables: raw tables by name.
    """
    dates = [
        pc.max(tables[table.name][name]).as_py()
        for table in RAW_TABLES
        if table.name in tables
        for dating in table.dated_by
        for name in dating.dates
        if name in tables[table.name].column_names
    ]
    return max((found for found in dates if found is not None), default=None)


def numbered(dumps: list[Dump]) -> list[Dump]:
    """Return dumps with numbers that no other dump of their day has.

    Two processes that archive different dumps of a day at the same moment give them the same number.

    Args:
        dumps: in order of their days and numbers.
    """
    found: list[Dump] = []
    for dump in dumps:
        last = found[-1] if found and found[-1].known_on == dump.known_on else None
        taken = last is not None and dump.number <= last.number
        found.append(replace(dump, number=last.number + 1) if last and taken else dump)
    return found


def in_use(dumps: list[Dump], withdrawn: Iterable[str] = ()) -> list[Dump]:
    """Return the dumps that count, in order of their days: the last one of each day.

    Args:
        dumps: all archived dumps.
        withdrawn: names of dumps that an operator does not trust.

    Raises:
        SettingsError: no dump has such a name.
    """
    out, there = set(withdrawn), [dump.name for dump in dumps]
    if unknown := sorted(out - set(there)):
        raise SettingsError(
            f"CRM_WITHDRAWN_DUMPS names {', '.join(unknown)}, but the archive has "
            f"{', '.join(there) or 'no dump'}: correct the name."
        )
    trusted = sorted(
        (dump for dump in dumps if dump.name not in out), key=lambda dump: (dump.known_on, dump.number)
    )
    return [list(same)[-1] for _, same in groupby(trusted, key=lambda dump: dump.known_on)]


def archive_table(dumps: list[Dump], used: list[Dump]) -> pd.DataFrame:
    """Return the columns of `RAW_ARCHIVE` for archived dumps.

    Args:
        dumps: all of them, in order.
        used: those that `in_use` returns.
    """
    first: dict[tuple[str, str], str] = {}
    rows = [
        {
            "dump": dump.name,
            "known_on": dump.known_on,
            "table": table,
            "rows": kept.rows,
            "digest": kept.digest,
            "bytes": kept.size,
            "first_in": first.setdefault((table, kept.digest), dump.name),
            "used": dump in used,
        }
        for dump in dumps
        for table, kept in dump.tables.items()
    ]
    return pd.DataFrame(rows, columns=pd.Index(RAW_ARCHIVE.names))


def record_of(month: str, dumps: list[Dump]) -> Record:
    """Return the dumps that tell what was known at the end of a month.

    A dump of the month's last days records the month. For any other month, the next dump tells the dates, and
    the values of the deals that an earlier dump has come from there.

    Args:
        month: `YYYY-MM`.
        dumps: what `in_use` returns; at least one.
    """
    end = month_end(month)
    known = [dump for dump in dumps if dump.known_on <= end]
    later = [dump for dump in dumps if dump.known_on > end]
    before = known[-1] if known else None
    if before and (not later or end - before.known_on <= timedelta(days=QUIET_DAYS)):
        return Record(before)
    return Record(later[0], before)


def plan(months: Iterable[str], dumps: list[Dump]) -> list[tuple[Record, list[str]]]:
    """Return the records of some months, in order, each with the months that it serves."""
    found = ((record_of(month, dumps), month) for month in sorted(months))
    return [
        (record, [month for _, month in same]) for record, same in groupby(found, key=lambda pair: pair[0])
    ]


def consecutive(dumps: list[Dump]) -> list[tuple[Dump, Dump]]:
    """Return each dump with the one after it."""
    return list(pairwise(dumps))

"""Setting aside the rows of a raw table that break a rule, untouched and with the reason."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from crm_assets.crm.cleaning import normalised
from crm_assets.crm.schema import (
    RAW_ACCOUNTS,
    RAW_PRODUCTS,
    RAW_SALES_PIPELINE,
    RAW_SALES_TEAMS,
    SOURCE_ROW,
    RawTable,
)
from crm_assets.crm.tables import QUARANTINED_ROWS
from crm_assets.engine.duckdb import connect
from crm_assets.errors import BadInputError
from crm_assets.sources.parsing import parse_table
from crm_assets.sources.rules import Fault, Rule, faults, rules_of, violation

# A deal names a row of each by the name that is this table's key.
LOOKUPS = (RAW_PRODUCTS, RAW_SALES_TEAMS, RAW_ACCOUNTS)

# Reads a table's file: the text of its rows, and the same rows untouched.
Read = Callable[[RawTable], tuple[pa.Table, pa.Table]]


@dataclass(frozen=True)
class Sifted:
    """A raw table, parted into what can be used and what cannot.

    Attributes:
        rows: the rows that break no rule, typed, in file order.
        quarantined: the others, with the columns of `crm.tables.QUARANTINED_ROWS`, in file order.
    """

    rows: pa.Table
    quarantined: pa.Table

    @classmethod
    def whole(cls, rows: pa.Table) -> Sifted:
        """A table of which nothing is set aside."""
        return cls(rows, QUARANTINED_ROWS.arrow.empty_table())

    @property
    def set_aside(self) -> int:
        """How many rows of the file are set aside, however many rules they break."""
        return len(self.quarantined[SOURCE_ROW.name].unique())

    @property
    def rows_read(self) -> int:
        """How many rows the file has."""
        return self.rows.num_rows + self.set_aside


def sift(table: RawTable, read: Read) -> Sifted:
    """Read a table and set aside the rows that break a rule.

    Those of a deal are the rules of its own table and one more: its product, agent and account
    are rows of their tables that are not set aside themselves.

    Raises:
        BadInputError: nothing is left of the table, or of one that its deals refer to.
    """
    text, original = read(table)
    typed, unreadable = parse_table(text, table)
    rules = [*rules_of(table), *_name_rules(typed, table, read)]
    found = [*unreadable, *_of_readable_values(faults(typed, rules), unreadable)]
    kept = np.ones(text.num_rows, dtype=bool)
    for fault in found:
        kept[fault.positions] = False
    if not kept.any():
        raise BadInputError(
            f"{table.file_name}: once all bad rows are set aside, none is left; mend the file, first "
            f"of all {violation(text, table, found[0]).sentence()}"
        )
    numbered = original.append_column(SOURCE_ROW.name, text[SOURCE_ROW.name])
    return Sifted(typed.filter(pa.array(kept)), _with_reasons(numbered, table, found))


def joined(sifted: dict[str, Sifted]) -> pa.Table:
    """The rows that are set aside of all tables, one below the other."""
    parts = [one.quarantined for one in sifted.values()]
    return pa.concat_tables([QUARANTINED_ROWS.arrow.empty_table(), *parts])


def by_table(sifted: dict[str, Sifted]) -> pd.DataFrame:
    """How many rows of each table are read and set aside."""
    return pd.DataFrame(
        {
            "table": list(sifted),
            "rows read": [one.rows_read for one in sifted.values()],
            "rows set aside": [one.set_aside for one in sifted.values()],
        }
    )


def by_rule(quarantined: pa.Table) -> pd.DataFrame:
    """How many rows of each table break which rule, in columns `table`, `rule` and `rows`."""
    counts = quarantined.group_by(["table", "rule"]).aggregate([(SOURCE_ROW.name, "count_distinct")])
    counts = counts.rename_columns(["table", "rule", "rows"])
    return counts.sort_by([("table", "ascending"), ("rows", "descending"), ("rule", "ascending")]).to_pandas()


def _of_readable_values(broken: Iterator[Fault], unreadable: list[Fault]) -> Iterator[Fault]:
    """Faults without those of values that cannot be read: they are told already, and not missing."""
    for fault in broken:
        known = [other.positions for other in unreadable if other.rule.column == fault.rule.column]
        positions = np.setdiff1d(fault.positions, np.concatenate(known)) if known else fault.positions
        if len(positions):
            yield Fault(fault.rule, positions)


def _with_reasons(original: pa.Table, table: RawTable, found: list[Fault]) -> pa.Table:
    """One row for each rule that a row breaks, in file order and then in the order of the rules."""
    broken = sorted(
        ((position, fault.rule) for fault in found for position in fault.positions.tolist()),
        key=lambda pair: pair[0],
    )
    positions = sorted({position for position, _ in broken})
    records = original.take(pa.array(positions, pa.int64())).to_pylist()
    row_of = {at: record.pop(SOURCE_ROW.name) for at, record in zip(positions, records, strict=True)}
    record_of = dict(zip(positions, records, strict=True))
    return pa.Table.from_pylist(
        [
            {
                "table": table.name,
                SOURCE_ROW.name: row_of[position],
                "rule": rule.name,
                "column": rule.column,
                "value": record_of[position][rule.column],
                "what": rule.what,
                "remedy": rule.remedy,
                "row": json.dumps(record_of[position], ensure_ascii=False),
            }
            for position, rule in broken
        ],
        QUARANTINED_ROWS.arrow,
    )


def _name_rules(typed: pa.Table, table: RawTable, read: Read) -> Iterator[Rule]:
    """The rules of names: one meaning each, and each that a deal has is a row of its table."""
    if table in LOOKUPS:
        (name,) = table.key
        mask = _ambiguous(typed[name])
        what = "is the same name as another row's but for case, blanks or punctuation"
        yield Rule("ambiguous_name", name, lambda _: mask, what, "keep one of them")
    if table == RAW_SALES_PIPELINE:
        for lookup in LOOKUPS:
            yield from _references(typed, lookup, read)


def _ambiguous(names: pa.ChunkedArray) -> pa.Array:
    """Which rows have a name that is spelled otherwise elsewhere in the table."""
    keys = _keys(names)
    spellings = pa.table({"key": keys, "name": names}).group_by("key").aggregate([("name", "count_distinct")])
    several = spellings.filter(pc.greater(spellings["name_count_distinct"], 1))
    return pc.is_in(keys, several["key"].combine_chunks())


def _references(deals: pa.Table, lookup: RawTable, read: Read) -> list[Rule]:
    (name,) = lookup.key
    sifted = sift(lookup, read)
    aside = [json.loads(row)[name] for row in sifted.quarantined["row"].to_pylist()]
    listed = _keys(pa.chunked_array([*sifted.rows[name].chunks, pa.array(aside, pa.string())]))
    keys = _keys(deals[name])
    is_listed = pc.is_in(keys, listed)
    is_usable = pc.is_in(keys, listed.slice(0, sifted.rows.num_rows))
    unknown = pc.and_(pc.is_valid(keys), pc.invert(is_listed))
    lost = pc.and_(is_listed, pc.invert(is_usable))
    return [
        Rule(
            f"unknown_{name}",
            name,
            lambda _: unknown,
            f"is not in {lookup.file_name}",
            f"add the missing {name} there or correct the deal",
        ),
        Rule(
            f"unknown_{name}",
            name,
            lambda _: lost,
            f"is in {lookup.file_name}, but its row is set aside",
            f"correct the row of the {name} there",
        ),
    ]


def _keys(names: pa.ChunkedArray) -> pa.Array:
    """What `crm.cleaning.normalised` makes of each name, so that names are compared as cleaning does."""
    distinct = ibis.memtable(pa.table({"name": names.unique().drop_null()}))
    engine = connect()
    keyed = engine.to_pyarrow(distinct.mutate(key=normalised(distinct["name"])))
    engine.disconnect()
    return keyed["key"].take(pc.index_in(names, keyed["name"].combine_chunks())).combine_chunks()

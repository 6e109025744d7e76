"""Quarantined rows of a raw table: kept untouched, with the reason."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa

from crm_assets.crm.schema import SOURCE_ROW, RawTable
from crm_assets.crm.tables import QUARANTINED_ROWS
from crm_assets.sources.csv_file import FileText
from crm_assets.sources.faults import Fault

# The rule of rows that are cut in another way than the header, for example by an extra comma.
AS_THE_HEADER = "as_many_fields_as_the_header"


@dataclass(frozen=True)
class Told:
    """Values that were left out, of rows that are used without them.

    Attributes:
        rule: the rule that the values break.
        rows: how many there are.
        sentence: what is wrong with them, with rows and remedy.
    """

    rule: str
    rows: int
    sentence: str

    @classmethod
    def of(cls, fault: Fault, file: str, text: pa.Table) -> Told:
        """Return what to tell of a fault."""
        counts = "it counts" if len(fault.positions) == 1 else "they count"
        sentence = fault.sentence(file, text).removesuffix(".")
        return cls(fault.rule, len(fault.positions), f"{sentence}. Until then, {counts} as unknown.")


@dataclass(frozen=True)
class Sifted:
    """A raw table, split into good rows and quarantined ones.

    Attributes:
        rows: the rows that can be used, typed, in file order.
        quarantined: the others, with the columns of `crm.tables.QUARANTINED_ROWS`, in file order.
        told: values of the good rows that were left out.
        notes: what the reader decided by itself, in sentences: encodings, formats.
        file: the name of the file that the rows come from; empty if there is none.
    """

    rows: pa.Table
    quarantined: pa.Table
    told: tuple[Told, ...] = ()
    notes: tuple[str, ...] = ()
    file: str = ""

    @classmethod
    def whole(cls, rows: pa.Table) -> Sifted:
        """Return a table without quarantined rows."""
        return cls(rows, QUARANTINED_ROWS.arrow.empty_table())

    @property
    def set_aside(self) -> int:
        """How many rows of the file are quarantined; a row that breaks two rules counts once."""
        return len(self.quarantined[SOURCE_ROW.name].unique())

    @property
    def rows_read(self) -> int:
        """How many rows the file has."""
        return self.rows.num_rows + self.set_aside


def joined(sifted: dict[str, Sifted]) -> pa.Table:
    """Return the quarantined rows of all tables, one below the other."""
    parts = [one.quarantined for one in sifted.values()]
    return pa.concat_tables([QUARANTINED_ROWS.arrow.empty_table(), *parts])


def by_table(sifted: dict[str, Sifted]) -> pd.DataFrame:
    """Count the rows of each table that are read and quarantined."""
    return pd.DataFrame(
        {
            "table": list(sifted),
            "rows read": [one.rows_read for one in sifted.values()],
            "rows set aside": [one.set_aside for one in sifted.values()],
        }
    )


def by_rule(quarantined: pa.Table) -> pd.DataFrame:
    """Count the rows of each table that break each rule, in columns `table`, `rule` and `rows`."""
    counts = quarantined.group_by(["table", "rule"]).aggregate([(SOURCE_ROW.name, "count_distinct")])
    counts = counts.rename_columns(["table", "rule", "rows"])
    return counts.sort_by([("table", "ascending"), ("rows", "descending"), ("rule", "ascending")]).to_pandas()


def by_value(sifted: Sifted) -> pd.DataFrame:
    """Count the values that were left out, in columns `rule`, `values` and `what`."""
    rows = [(one.rule, one.rows, one.sentence) for one in sifted.told]
    return pd.DataFrame(rows, columns=pd.Index(["rule", "values", "what"]))


def with_reasons(file: FileText, table: RawTable, found: list[Fault]) -> pa.Table:
    """Return one row for each rule that a row breaks, in file order and then in the order of the rules.

    Args:
        file: the rows of the file.
        table: the raw table.
        found: what is wrong with them.

    Returns:
        The columns of `crm.tables.QUARANTINED_ROWS`.
    """
    broken = sorted(
        ((position, fault) for fault in found for position in fault.positions.tolist()),
        key=lambda pair: pair[0],
    )
    positions = sorted({position for position, _ in broken})
    records = file.original.take(pa.array(positions, pa.int64())).to_pylist() if positions else []
    row_of = {at: record.pop(SOURCE_ROW.name) for at, record in zip(positions, records, strict=True)}
    record_of = dict(zip(positions, records, strict=True))
    rows = [
        {
            "table": table.name,
            SOURCE_ROW.name: row_of[position],
            "rule": fault.rule,
            "column": fault.column,
            "value": record_of[position].get(fault.column) or _value(file, fault.column, position),
            "what": fault.what,
            "remedy": fault.remedy,
            "row": json.dumps(record_of[position], ensure_ascii=False),
        }
        for position, fault in broken
    ]
    if file.ragged:
        rows = sorted([*rows, *_ragged(file, table)], key=lambda row: row[SOURCE_ROW.name])
    return pa.Table.from_pylist(rows, QUARANTINED_ROWS.arrow)


def _value(file: FileText, column: str, position: int) -> str:
    """Return a value whose column has another name in the file, or is made from several columns."""
    return (file.text[column][position].as_py() or "") if column in file.text.column_names else ""


def _ragged(file: FileText, table: RawTable) -> list[dict[str, Any]]:
    (column, *_) = table.names
    return [
        {
            "table": table.name,
            SOURCE_ROW.name: row.number,
            "rule": AS_THE_HEADER,
            "column": column,
            "value": row.text,
            "what": f"is a row of {row.fields} fields, but the header has {file.width}",
            "remedy": "look for a missing or extra comma, or a quotation mark that is never closed",
            "row": json.dumps({column: row.text}, ensure_ascii=False),
        }
        for row in file.ragged
    ]

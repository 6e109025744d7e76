"""Quarantined rows of a raw table: kept untouched, with the reason."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from crm_assets.crm.schema import SOURCE_ROW, RawTable
from crm_assets.crm.tables import QUARANTINED_ROWS
from crm_assets.sources.faults import Fault


@dataclass(frozen=True)
class Sifted:
    """A raw table, split into good rows and quarantined ones.

    Attributes:
        rows: the rows that break no rule, typed, in file order.
        quarantined: the others, with the columns of `crm.tables.QUARANTINED_ROWS`, in file order.
    """

    rows: pa.Table
    quarantined: pa.Table

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


def with_reasons(original: pa.Table, table: RawTable, found: list[Fault]) -> pa.Table:
    """Return one row for each rule that a row breaks, in file order and then in the order of the rules.

    Args:
        original: the rows of the file, untouched, with their numbers.
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
    records = original.take(pa.array(positions, pa.int64())).to_pylist()
    row_of = {at: record.pop(SOURCE_ROW.name) for at, record in zip(positions, records, strict=True)}
    record_of = dict(zip(positions, records, strict=True))
    return pa.Table.from_pylist(
        [
            {
                "table": table.name,
                SOURCE_ROW.name: row_of[position],
                "rule": fault.rule,
                "column": fault.column,
                "value": record_of[position][fault.column],
                "what": fault.what,
                "remedy": fault.remedy,
                "row": json.dumps(record_of[position], ensure_ascii=False),
            }
            for position, fault in broken
        ],
        QUARANTINED_ROWS.arrow,
    )

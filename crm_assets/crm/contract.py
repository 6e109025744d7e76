"""The rules that follow from a table's definition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir

from crm_assets.crm.columns import TableSchema
from crm_assets.crm.rules import NotNull, Rule


@dataclass(frozen=True, kw_only=True)
class Unique(Rule):
    """No two rows have the same values in all of these columns."""

    columns: tuple[str, ...]

    @property
    def needs(self) -> frozenset[str]:
        """The columns that it reads."""
        return super().needs.union(self.columns)

    @property
    def blames(self) -> str:
        """The first of the columns."""
        return self.columns[0]

    @property
    def expectation(self) -> str:  # type: ignore[override]
        """The expectation for one column, or the one for several columns."""
        return "ExpectColumnValuesToBeUnique" if len(self.columns) == 1 else "ExpectCompoundColumnsToBeUnique"

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the great-expectations expectation."""
        if len(self.columns) == 1:
            return {"column": self.columns[0]}
        return {"column_list": list(self.columns)}

    def breaks(self, table: ir.Table) -> ir.BooleanValue:
        """Mark all rows that share their key with another row."""
        rows: Any = table.count()
        given = ibis.or_(*(table[column].notnull() for column in self.columns))
        return (rows.over(group_by=list(self.columns)) > 1) & given


def contract(table: TableSchema) -> tuple[Rule, ...]:
    """Return the rules that follow from a table's definition: required values and unique keys."""
    needed = (
        NotNull(name=f"{name}_is_there", column=name, what="where a value is required", remedy="fill it in")
        for name in (column.name for column in table.columns if not column.nullable)
    )
    unique = Unique(
        name=f"{'_and_'.join(table.key)}_unique",
        columns=table.key,
        what="appears more than once",
        remedy=f"keep one row per {' and '.join(table.key)}",
    )
    return (*needed, unique)

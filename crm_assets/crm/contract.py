"""The rules that follow from a table's definition."""

from __future__ import annotations

from crm_assets.crm.columns import TableSchema
from crm_assets.crm.rules import NotNull, Rule, Unique


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

"""Suites: the rules of one table, declared as data, and what became of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import ibis.expr.types as ir

from crm_assets.crm.rules import Read, Rule, Severity
from crm_assets.crm.schema import TableSchema
from crm_assets.crm.tables import SNAPSHOT_MONTH

EXAMPLES = 10
MONTH = SNAPSHOT_MONTH.name

Derive = Callable[[ir.Table, Read], ir.Table]


def as_stored(table: ir.Table, read: Read) -> ir.Table:
    """The table itself."""
    return table


@dataclass(frozen=True)
class Suite:
    """What must and should hold of a table.

    Attributes:
        table: the table, with its columns and their types.
        rules: about its rows.
        key: the columns that tell a person which row is meant.
        derive: adds columns that rules need, or makes another table of it.
        whole_history: whether it looks at all stored months rather than those of the run.
        scored: whether rows that break a rule count in the quality score.
        judged_before: whether the source has judged the rows when it read them. A rule whose other table is
            not stored is then told as not judged, and stops nothing.
    """

    table: TableSchema
    rules: tuple[Rule, ...]
    key: tuple[str, ...] = ()
    derive: Derive = as_stored
    whole_history: bool = False
    scored: bool = True
    judged_before: bool = False

    @property
    def name(self) -> str:
        """The table's name."""
        return self.table.name

    @property
    def shown_key(self) -> list[str]:
        """The columns that examples show."""
        return list(self.key or self.table.key)


@dataclass(frozen=True)
class Outcome:
    """What became of one rule.

    Attributes:
        rule: its name.
        severity: what becomes of a table that breaks it.
        expectation: the great-expectations expectation.
        checked: rows that it is about.
        unexpected: rows that break it.
        observed: what was found, in a few words.
        examples: keys of up to `EXAMPLES` rows that break it.
        by_month: rows that break it, by month, where there are any and the table has months.
        remedy: what to do about it, where the rule says so.
    """

    rule: str
    severity: Severity
    expectation: str
    checked: int
    unexpected: int
    observed: str = ""
    examples: list[dict[str, Any]] = field(default_factory=list)
    by_month: dict[str, int] = field(default_factory=dict)
    remedy: str = ""

    @property
    def success(self) -> bool:
        """Whether the rule holds."""
        return self.unexpected == 0

    @property
    def percent(self) -> float:
        """Share of the rows that break it, 0 to 100."""
        return 100 * self.unexpected / self.checked if self.checked else 0.0

"""Suites: the rules of one table, declared as data, and their outcomes."""

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
    """Return the table unchanged."""
    return table


@dataclass(frozen=True)
class Suite:
    """The rules that must hold and those that should hold for a table.

    Attributes:
        table: the table, with its columns and their types.
        rules: the rules about its rows.
        key: the columns that show a person which row it is.
        derive: adds columns that rules need, or derives another table from it.
        whole_history: whether it looks at all stored months instead of those of the run.
        scored: whether rows that break a rule count in the quality score.
        judged_before: whether the source judged the rows when it read them. If so, a rule that needs a table
            that is not stored is reported as not judged, and does not stop the run.
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
    """The outcome of one rule.

    Attributes:
        rule: the name of the rule.
        severity: what happens if the table breaks it.
        expectation: the great-expectations expectation.
        checked: the number of rows that it applies to.
        unexpected: the number of rows that break it.
        observed: the values found, in a few words.
        examples: the keys of up to `EXAMPLES` rows that break it.
        by_month: the number of rows that break it, by month, if there are any and the table has months.
        remedy: what to do about it, if the rule has a remedy.
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
        """The share of the rows that break it, 0 to 100."""
        return 100 * self.unexpected / self.checked if self.checked else 0.0

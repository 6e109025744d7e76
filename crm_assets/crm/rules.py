"""The kinds of rules for rows of tables: one class per kind.

A rule has two forms with the same meaning: an Ibis expression for the rows that break it, and a
great-expectations expectation. Sources apply rules to incoming rows, gates to stored tables. Nulls break only
`NotNull`, as in great-expectations.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal, Protocol, Self

import ibis
import ibis.expr.types as ir

Severity = Literal["must", "should"]
Then = Literal["aside", "ignore"]

YES: Any = ibis.literal(value=True)
NO: Any = ibis.literal(value=False)


class Read(Protocol):
    """Reads a stored table: the months of the run, or all months."""

    def __call__(self, name: str, *, whole_history: bool = False) -> ir.Table:
        """Return the table."""
        ...


@dataclass(frozen=True)
class Of:
    """The values of a column of another table, looked up when the rule is applied."""

    table: str
    column: str


@dataclass(frozen=True)
class Where:
    """The rows that a rule applies to: those whose `column` has one of these values.

    Attributes:
        column: the column.
        one_of: its values.
        unless: another column; rows that have a value there are left out.
    """

    column: str
    one_of: tuple[str, ...]
    unless: str = ""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One expectation about the rows of a table.

    Attributes:
        name: what holds, in words joined by underscores.
        severity: `must` stops the run or is quarantined; `should` is reported.
        then: what quarantine does where it is broken. `aside`: the row cannot be used. `ignore`: only the
            value cannot; it counts as unknown, and the row stays.
        where: the rows that it applies to; None for all rows.
        what: what is wrong with a value that breaks it, for example `is negative`.
        remedy: how to fix it, in the imperative.
    """

    name: str
    severity: Severity = "must"
    then: Then = "aside"
    where: Where | None = None
    what: str = ""
    remedy: str = ""

    expectation = ""

    @property
    def blames(self) -> str:
        """The column that is wrong if the rule is broken."""
        raise NotImplementedError

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the great-expectations expectation."""
        raise NotImplementedError

    def breaks(self, table: ir.Table) -> ir.BooleanValue:
        """Mark the rows that break it, among those that it applies to; null or false for all others."""
        raise NotImplementedError

    def about(self, table: ir.Table) -> ir.BooleanValue:
        """Mark the rows that it applies to; never null."""
        if self.where is None:
            return YES
        found = table[self.where.column].isin(self.where.one_of).fill_null(NO)
        excused = self.where.unless
        return found & table[excused].isnull() if excused in table.columns else found

    def broken(self, table: ir.Table) -> ir.BooleanValue:
        """Mark the rows that break it; never null."""
        return (self.breaks(table) & self.about(table)).fill_null(NO)

    @property
    def other_table(self) -> str | None:
        """The other table that the rule reads, if any."""
        return None

    @property
    def needs(self) -> frozenset[str]:
        """The columns that it reads."""
        return frozenset({self.blames, *([self.where.column] if self.where else [])})

    def resolved(self, table: ir.Table, read: Read) -> Self:
        """Return the rule together with everything it needs from other tables.

        Args:
            table: the rows to check.
            read: reads the other table.
        """
        return self


@dataclass(frozen=True, kw_only=True)
class OfColumn(Rule):
    """A rule about the values of one column."""

    column: str

    @property
    def blames(self) -> str:
        """The column."""
        return self.column

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the great-expectations expectation."""
        return {"column": self.column}


@dataclass(frozen=True, kw_only=True)
class NotNull(OfColumn):
    """The column has a value."""

    expectation = "ExpectColumnValuesToNotBeNull"

    def breaks(self, table: ir.Table) -> ir.BooleanValue:
        """Mark rows without a value."""
        return table[self.column].isnull()


@dataclass(frozen=True, kw_only=True)
class IsNull(OfColumn):
    """The column has no value."""

    expectation = "ExpectColumnValuesToBeNull"

    def breaks(self, table: ir.Table) -> ir.BooleanValue:
        """Mark rows with a value."""
        return table[self.column].notnull()


@dataclass(frozen=True, kw_only=True)
class InSet(OfColumn):
    """The column has one of these values."""

    values: Sequence[str | float] | Of
    expectation = "ExpectColumnValuesToBeInSet"

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the great-expectations expectation."""
        return {"column": self.column, "value_set": self._values}

    def breaks(self, table: ir.Table) -> ir.BooleanValue:
        """Mark rows with another value."""
        return table[self.column].notin(self._values)

    @property
    def other_table(self) -> str | None:
        """The table that lists the values."""
        return self.values.table if isinstance(self.values, Of) else None

    def resolved(self, table: ir.Table, read: Read) -> Self:
        """Return the rule with the values of the other table."""
        if not isinstance(self.values, Of):
            return self
        column = read(self.values.table)[self.values.column]
        found = column.as_table().distinct().drop_null().to_pyarrow()[0].to_pylist()
        return replace(self, values=tuple(sorted(found)))

    @property
    def _values(self) -> list[str | float]:
        if isinstance(self.values, Of):
            raise TypeError(f"{self.name}: resolve the rule first.")
        # great-expectations does not accept members of a StrEnum as strings.
        return [str(value) if isinstance(value, str) else value for value in self.values]


@dataclass(frozen=True, kw_only=True)
class NotInSet(InSet):
    """The column has none of these values."""

    expectation = "ExpectColumnValuesToNotBeInSet"

    def breaks(self, table: ir.Table) -> ir.BooleanValue:
        """Mark rows with one of the values."""
        return table[self.column].isin(self._values)


@dataclass(frozen=True, kw_only=True)
class Between(OfColumn):
    """The value is between two bounds, both included; None means no bound."""

    low: float | date | None = None
    high: float | date | None = None
    expectation = "ExpectColumnValuesToBeBetween"

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the great-expectations expectation."""
        return {"column": self.column, "min_value": self.low, "max_value": self.high}

    def breaks(self, table: ir.Table) -> ir.BooleanValue:
        """Mark rows with a value outside the bounds."""
        column: Any = table[self.column]
        below = NO if self.low is None else column < self.low
        above = NO if self.high is None else column > self.high
        return below | above


@dataclass(frozen=True, kw_only=True)
class NotInTheFuture(OfColumn):
    """The date is today or earlier: one mistyped year would stretch the calendar by centuries."""

    expectation = "ExpectColumnValuesToBeBetween"

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the great-expectations expectation."""
        return {"column": self.column, "max_value": date.today()}

    def breaks(self, table: ir.Table) -> ir.BooleanValue:
        """Mark rows with a later date."""
        column: Any = table[self.column]
        return column > ibis.literal(date.today())


@dataclass(frozen=True, kw_only=True)
class NotLess(OfColumn):
    """If both columns have a value, `column` is at least `than`."""

    than: str
    expectation = "ExpectColumnPairValuesAToBeGreaterThanB"

    @property
    def needs(self) -> frozenset[str]:
        """The columns that it reads."""
        return super().needs | {self.than}

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the great-expectations expectation."""
        return {
            "column_A": self.column,
            "column_B": self.than,
            "or_equal": True,
            "ignore_row_if": "either_value_is_missing",
        }

    def breaks(self, table: ir.Table) -> ir.BooleanValue:
        """Mark rows in which `column` is less than `than`."""
        return table[self.column] < table[self.than]


def applicable(rules: Iterable[Rule], columns: Collection[str], absent: Collection[str] = ()) -> list[Rule]:
    """Return the rules that a table can be judged by.

    Args:
        rules: the rules of the table.
        columns: the columns that the table has; a rule about another one has nothing to judge.
        absent: tables that the CRM does not have; a rule that looks into one has nothing to compare with.
    """
    return [rule for rule in rules if rule.needs <= set(columns) and rule.other_table not in absent]

"""The vocabulary of the suites: each rule is a great-expectations expectation, and the same as a query.

A rule that a table breaks carries a severity: `must` stops what is downstream, `should` is told. Nulls
break no rule but `NotNull`, as in great-expectations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal, Protocol

import ibis
import ibis.expr.types as ir

Severity = Literal["must", "should"]


class Read(Protocol):
    """Reads a stored table: the months of the run, or all of them."""

    def __call__(self, name: str, *, whole_history: bool = False) -> ir.Table:
        """The table."""
        ...


@dataclass(frozen=True)
class Of:
    """The values of another table's column, looked up when the rule is judged."""

    table: str
    column: str


@dataclass(frozen=True)
class Where:
    """Rows that a rule is about: those whose `column` is one of some values."""

    column: str
    one_of: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One expectation about the rows of a table.

    Attributes:
        name: what holds, in words joined by underscores.
        severity: what becomes of a table that breaks it.
        where: the rows that it is about; all where None.
    """

    name: str
    severity: Severity = "must"
    where: Where | None = None

    expectation = ""

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the great-expectations expectation."""
        raise NotImplementedError

    def broken(self, table: ir.Table) -> ir.BooleanValue:
        """Which rows break it, as an expression; null or false where they do not."""
        raise NotImplementedError

    @property
    def other_table(self) -> str | None:
        """The table that the rule looks into beside its own."""
        return None

    def resolved(self, read: Read) -> Rule:
        """The rule with what it needs of the other table looked up."""
        return self


@dataclass(frozen=True, kw_only=True)
class _OfColumn(Rule):
    column: str

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the great-expectations expectation."""
        return {"column": self.column}


@dataclass(frozen=True, kw_only=True)
class NotNull(_OfColumn):
    """The column has a value."""

    expectation = "ExpectColumnValuesToNotBeNull"

    def broken(self, table: ir.Table) -> ir.BooleanValue:
        """Rows without a value."""
        return table[self.column].isnull()


@dataclass(frozen=True, kw_only=True)
class IsNull(_OfColumn):
    """The column has no value."""

    expectation = "ExpectColumnValuesToBeNull"

    def broken(self, table: ir.Table) -> ir.BooleanValue:
        """Rows with a value."""
        return table[self.column].notnull()


@dataclass(frozen=True, kw_only=True)
class InSet(_OfColumn):
    """The column's value is one of some values."""

    values: Sequence[str | float] | Of
    expectation = "ExpectColumnValuesToBeInSet"

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the great-expectations expectation."""
        return {"column": self.column, "value_set": self._values}

    def broken(self, table: ir.Table) -> ir.BooleanValue:
        """Rows with another value."""
        return table[self.column].notin(self._values)

    @property
    def other_table(self) -> str | None:
        """The table of the values."""
        return self.values.table if isinstance(self.values, Of) else None

    def resolved(self, read: Read) -> Rule:
        """The rule with the values of the other table."""
        if not isinstance(self.values, Of):
            return self
        column = read(self.values.table)[self.values.column]
        found = column.as_table().distinct().drop_null().to_pyarrow()[0].to_pylist()
        return replace(self, values=tuple(sorted(found)))

    @property
    def _values(self) -> list[str | float]:
        if isinstance(self.values, Of):
            raise TypeError(f"{self.name}: resolve the rule first.")
        # Members of an enumeration are texts to us, but not to great-expectations.
        return [str(value) if isinstance(value, str) else value for value in self.values]


@dataclass(frozen=True, kw_only=True)
class NotInSet(InSet):
    """The column's value is none of some values."""

    expectation = "ExpectColumnValuesToNotBeInSet"

    def broken(self, table: ir.Table) -> ir.BooleanValue:
        """Rows with one of the values."""
        return table[self.column].isin(self._values)


@dataclass(frozen=True, kw_only=True)
class Between(_OfColumn):
    """The column's value lies between two bounds, both included; None is no bound."""

    low: float | date | None = None
    high: float | date | None = None
    expectation = "ExpectColumnValuesToBeBetween"

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the great-expectations expectation."""
        return {"column": self.column, "min_value": self.low, "max_value": self.high}

    def broken(self, table: ir.Table) -> ir.BooleanValue:
        """Rows with a value beyond a bound."""
        column: Any = table[self.column]
        never: Any = ibis.literal(value=False)
        below = never if self.low is None else column < self.low
        above = never if self.high is None else column > self.high
        return below | above


@dataclass(frozen=True, kw_only=True)
class NotLess(Rule):
    """Where both have a value, that of `column` is at least that of `than`."""

    column: str
    than: str
    expectation = "ExpectColumnPairValuesAToBeGreaterThanB"

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the great-expectations expectation."""
        return {
            "column_A": self.column,
            "column_B": self.than,
            "or_equal": True,
            "ignore_row_if": "either_value_is_missing",
        }

    def broken(self, table: ir.Table) -> ir.BooleanValue:
        """Rows in which it is less."""
        return table[self.column] < table[self.than]


@dataclass(frozen=True, kw_only=True)
class Unique(Rule):
    """No two rows agree in all of the columns."""

    columns: tuple[str, ...]

    @property
    def expectation(self) -> str:  # type: ignore[override]
        """One column has an expectation of its own."""
        return "ExpectColumnValuesToBeUnique" if len(self.columns) == 1 else "ExpectCompoundColumnsToBeUnique"

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the great-expectations expectation."""
        if len(self.columns) == 1:
            return {"column": self.columns[0]}
        return {"column_list": list(self.columns)}

    def broken(self, table: ir.Table) -> ir.BooleanValue:
        """All rows that share their key with another one."""
        rows: Any = table.count()
        given = ibis.or_(*(table[column].notnull() for column in self.columns))
        return (rows.over(group_by=list(self.columns)) > 1) & given

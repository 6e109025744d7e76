"""Rules about names. Like cleaning, they compare only letters and digits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import ibis.expr.types as ir
from ibis import _

from crm_assets.crm.names import normalized
from crm_assets.crm.rules import NO, Of, OfColumn, Read


@dataclass(frozen=True, kw_only=True)
class _Spelled(OfColumn):
    """A rule about names that share letters and digits; `resolved` looks up the spellings that break it."""

    faulty: tuple[str, ...] | None = None
    expectation = "ExpectColumnValuesToNotBeInSet"

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the great-expectations expectation."""
        return {"column": self.column, "value_set": list(self._faulty)}

    def breaks(self, table: ir.Table) -> ir.BooleanValue:
        """Mark rows with one of these spellings."""
        return table[self.column].isin(self._faulty) if self._faulty else NO

    @property
    def _faulty(self) -> tuple[str, ...]:
        if self.faulty is None:
            raise TypeError(f"{self.name}: resolve the rule first.")
        return self.faulty


@dataclass(frozen=True, kw_only=True)
class KnownName(_Spelled):
    """The name is in another table, in any spelling; with `to_the_letter`, in exactly this spelling."""

    of: Of
    to_the_letter: bool = False

    @property
    def other_table(self) -> str | None:
        """The table that lists the names."""
        return self.of.table

    def resolved(self, table: ir.Table, read: Read) -> Self:
        """Return the rule with the names that are not in the other table."""
        listed = _keyed(read(self.of.table), self.of.column, to_the_letter=self.to_the_letter)
        names = _keyed(table, self.column, to_the_letter=self.to_the_letter)
        return replace(self, faulty=_names(names.anti_join(listed, "key")))


@dataclass(frozen=True, kw_only=True)
class OneSpelling(_Spelled):
    """The column spells each name in one way only."""

    def resolved(self, table: ir.Table, read: Read) -> Self:
        """Return the rule with the names that share their letters and digits with another name."""
        names = _keyed(table, self.column)
        several = names.group_by("key").agg(spellings=_.count()).filter(_.spellings > 1)
        return replace(self, faulty=_names(names.semi_join(several, "key")))


def _keyed(table: ir.Table, column: str, *, to_the_letter: bool = False) -> ir.Table:
    """Return the distinct names of a column, each with the key to compare it by."""
    names = table.select(name=table[column]).distinct().drop_null()
    return names.mutate(key=names["name"] if to_the_letter else normalized(names["name"]))


def _names(keyed: ir.Table) -> tuple[str, ...]:
    return tuple(sorted(keyed.select("name").to_pyarrow()["name"].to_pylist()))

"""Rules about names. Like cleaning, they compare names as `crm.names` says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import ibis.expr.types as ir
from ibis import _

from crm_assets.crm.names import as_seen, loosely, meant
from crm_assets.crm.rules import NO, Of, OfColumn, Read


@dataclass(frozen=True, kw_only=True)
class _Spelled(OfColumn):
    """A rule about names; `resolved` looks up the spellings that break it."""

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
    """The name is in another table, in a spelling that can mean only one name there.

    With `to_the_letter`, it is there in exactly this spelling.
    """

    of: Of
    to_the_letter: bool = False

    @property
    def other_table(self) -> str | None:
        """The table that lists the names."""
        return self.of.table

    def resolved(self, table: ir.Table, read: Read) -> Self:
        """Return the rule with the names that are not in the other table."""
        listed = read(self.of.table)[self.of.column]
        if self.to_the_letter:
            names = table.select(name=table[self.column]).distinct().drop_null()
            unknown = names.anti_join(listed.name("name").as_table(), "name")
        else:
            unknown = meant(table[self.column], listed).filter(_.means.isnull())
        return replace(self, faulty=_names(unknown))


@dataclass(frozen=True, kw_only=True)
class OneSpelling(_Spelled):
    """The column spells each name in one way only; with `confusable`, no two names could be confused."""

    confusable: bool = False

    def resolved(self, table: ir.Table, read: Read) -> Self:
        """Return the rule with the names that are spelled like another name."""
        names = table.select(name=table[self.column]).distinct().drop_null()
        names = names.mutate(key=loosely(names["name"]) if self.confusable else as_seen(names["name"]))
        several = names.group_by("key").agg(spellings=_.count()).filter(_.spellings > 1)
        return replace(self, faulty=_names(names.semi_join(several, "key")))


def _names(names: ir.Table) -> tuple[str, ...]:
    return tuple(sorted(names.select("name").to_pyarrow()["name"].to_pylist()))

"""The definition of a feature: one row holds everything about it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache
from typing import Any

import ibis.expr.types as ir

from crm_assets.crm.as_of import AsOf, as_of
from crm_assets.crm.deals import (
    DIMENSIONS,
    MONTHLY_SNAPSHOTS,
    MONTHS,
    OPPORTUNITIES,
    OPTIONAL,
    OUTCOME,
    Dimension,
)
from crm_assets.crm.lineage import Origin, origins
from crm_assets.crm.monthly import unbound
from crm_assets.crm.schema import Column
from crm_assets.crm.snapshots import snapshots

Bounds = tuple[float | None, float | None]

# The stored text for a missing value.
NOTHING = "none"


@dataclass(frozen=True, kw_only=True)
class Feature(Column):
    """A column of `win_features` that models may learn from.

    Attributes:
        expression: computes its value from what was known as of the month.
        bounds: the smallest and the largest allowed number; None for no bound.
        label: turns a value (number, boolean or text) into words for sales people.
        missing: the words for a missing value.
    """

    expression: Callable[[AsOf], ir.Value]
    label: Callable[[Any], str]
    missing: str = ""
    bounds: Bounds | None = None

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers."""
        return self.dtype in ("int64", "float64")

    @property
    def origins(self) -> frozenset[Origin]:
        """The columns of `monthly_snapshots` and of the calendar that its value is computed from."""
        return origins(self.expression(_everything()))

    @property
    def needs(self) -> frozenset[str]:
        """The columns of `monthly_snapshots` without which it has no value; they may be absent."""
        return _needs(self)

    def available(self, columns: Collection[str]) -> bool:
        """Return whether it can be computed from snapshots with these columns."""
        return self.needs <= set(columns)

    @property
    def sources(self) -> tuple[str, ...]:
        """The undated columns of `opportunities` that its value is computed from, sorted.

        A looked-up column counts as the column that it is looked up by. Stages, close dates and close values
        do not count: a snapshot rebuilds them as of its month, so they reveal nothing that comes later.
        """
        table = MONTHLY_SNAPSHOTS.name
        read = {name for of, name in self.origins if of == table and name in carried_columns()}
        looked_up_by = {column.name: column.of for column in DIMENSIONS if isinstance(column, Dimension)}
        return tuple(sorted({looked_up_by.get(name, name) for name in read}))

    def said(self, text: str) -> str:
        """Return the words for a value, given as the text that explanations store.

        Raises:
            ValueError: the text is not a value of this feature.
        """
        if text == NOTHING and self.missing:
            return self.missing
        if self.is_number:
            return self.label(float(text))
        return self.label(text == "True") if self.dtype == "boolean" else self.label(text)


@cache
def _needs(feature: Feature) -> frozenset[str]:
    return frozenset(
        name for table, name in feature.origins if table == MONTHLY_SNAPSHOTS.name and name in OPTIONAL
    )


@cache
def carried_columns() -> frozenset[str]:
    """Return the columns of `opportunities` that snapshots copy, some of them only from their day on.

    Nothing of the outcome is among them: a snapshot rebuilds that.
    """
    taken = snapshots(unbound(OPPORTUNITIES), unbound(MONTHS))
    carried = (name for name in OPPORTUNITIES.names if name in taken.columns and name not in OUTCOME)
    return frozenset(name for name in carried if (OPPORTUNITIES.name, name) in origins(taken[name]))


@cache
def _everything() -> AsOf:
    return as_of(unbound(MONTHLY_SNAPSHOTS), unbound(MONTHS))

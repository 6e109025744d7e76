"""How tables are described: columns, types, units and meanings."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import Literal, Self

import pyarrow as pa

Dtype = Literal["string", "date", "float64", "int64", "boolean", "category", "pushes"]

_PUSH = pa.struct([("feature", pa.string()), ("value", pa.string()), ("contribution", pa.float64())])
_ARROW: dict[str, pa.DataType] = {
    "string": pa.string(),
    "date": pa.date32(),
    "float64": pa.float64(),
    "int64": pa.int64(),
    "boolean": pa.bool_(),
    "category": pa.string(),
    "pushes": pa.list_(_PUSH),
}


# Marks a field of an Arrow schema that a stored table may lack.
_OPTIONAL = {"optional": "true"}


def arrow_schema(columns: Iterable[tuple[str, str]], optional: Collection[str] = ()) -> pa.Schema:
    """Return the Arrow types in which columns, given as name and `Dtype`, are stored.

    Args:
        columns: name and `Dtype` of each column.
        optional: the columns that a stored table may lack; `as_given` leaves them out.
    """
    return pa.schema(
        [
            pa.field(name, _ARROW[dtype], metadata=_OPTIONAL if name in optional else None)
            for name, dtype in columns
        ]
    )


def as_given(schema: pa.Schema, names: Collection[str]) -> pa.Schema:
    """Return the schema of a table with the columns `names`: without the optional ones that it lacks.

    >>> as_given(arrow_schema([("id", "string"), ("sector", "string")], ["sector"]), ["id"]).names
    ['id']
    """
    kept = [part for part in schema if part.name in names or part.metadata is None]
    return pa.schema([part.remove_metadata() for part in kept])


@dataclass(frozen=True)
class Column:
    """One column.

    `category` is stored as a string; its values are data, not a fixed list. `pushes` is a list of
    `{feature, value, contribution}`.
    """

    name: str
    dtype: Dtype
    description: str
    unit: str = ""
    nullable: bool = True


@dataclass(frozen=True)
class TableSchema:
    """One table: its name, its columns in order, and the columns that identify a row.

    Attributes:
        name: also the name of its asset.
        description: one sentence.
        columns: all columns that it may have, in order.
        key: the columns that identify a row.
        optional: the columns that it lacks if the CRM has nothing to fill them with.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    optional: tuple[str, ...] = field(default=(), kw_only=True)

    @property
    def names(self) -> list[str]:
        """The column names, in order."""
        return [column.name for column in self.columns]

    @property
    def arrow(self) -> pa.Schema:
        """The Arrow types in which the table is stored."""
        return arrow_schema(((column.name, column.dtype) for column in self.columns), self.optional)

    def having(self, names: Collection[str]) -> Self:
        """Return the table without the optional columns that are not among `names`."""
        lacks = {name for name in self.optional if name not in names}
        return replace(
            self,
            columns=tuple(column for column in self.columns if column.name not in lacks),
            optional=tuple(name for name in self.optional if name not in lacks),
        )

    def __getitem__(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

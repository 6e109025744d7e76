"""How raw tables are described: their file, what of it is optional, and since when each part is known."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Self

import pyarrow as pa

from crm_assets.crm.columns import TableSchema, as_given


@dataclass(frozen=True)
class Dating:
    """A date column that says since when a row, or a part of it, is known.

    The replay and the point-in-time tests undo it: as of an earlier day, the date and everything that came
    with it are empty.

    Attributes:
        column: the date column.
        known_with: columns that are empty before that day.
        before: columns that have another value before that day, each with that value.
        or_on: other date columns. Whichever of all these dates is the earliest says when the row is known.
    """

    column: str
    known_with: tuple[str, ...] = ()
    before: tuple[tuple[str, str], ...] = ()
    or_on: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The date column itself, then every column that depends on it."""
        return (self.column, *self.known_with, *(name for name, _ in self.before))

    @property
    def dates(self) -> tuple[str, ...]:
        """The date column itself, and the others that may come first."""
        return (self.column, *self.or_on)

    def having(self, names: Collection[str]) -> Dating | None:
        """Return the dating for a table with only these columns; None if it has none of the dates."""
        dates = [name for name in self.dates if name in names]
        if not dates:
            return None
        return Dating(
            dates[0],
            tuple(name for name in self.known_with if name in names),
            tuple((name, value) for name, value in self.before if name in names),
            tuple(dates[1:]),
        )


@dataclass(frozen=True)
class RawTable(TableSchema):
    """A table as the CRM dumps it: one CSV file.

    A source leaves out the `optional` columns that its CRM does not have. Whether a column is there must not
    depend on single rows: later rows would change the tables of past months.

    Attributes:
        file_name: name of the file.
        optional_table: whether the file may be missing, or have no rows; the table is empty then.
        dated_by: the dates that say since when things are known: the first for the row itself, each later one
            for a part of it, in the order in which they happen. A row without any date of the first is
            unknown before the dump.
        undated: date columns that say nothing about when a row was known, such as plans. A plan may lie in
            the future, and nobody knows when it was written: features made from it need the audit's leave.
    """

    file_name: str = ""
    optional_table: bool = False
    dated_by: tuple[Dating, ...] = ()
    undated: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check that every date column has a `Dating` or is `undated`.

        Raises:
            ValueError: a date column has no `Dating`, or a `Dating` names a wrong column.
        """
        dates = [column.name for column in self.columns if column.dtype == "date"]
        for dating in self.dated_by:
            if wrong := [name for name in dating.dates if name not in dates]:
                raise ValueError(
                    f"{self.name}: dated_by names {wrong[0]}, which is not a date column of the table; "
                    f"name one of {', '.join(dates) or 'its date columns, once it has any'}."
                )
            if unknown := [name for name in dating.columns if name not in self.names]:
                raise ValueError(
                    f"{self.name}: the Dating by {dating.column} names {', '.join(unknown)}, which the table "
                    "does not have; correct the name."
                )
        decided = {name for dating in self.dated_by for name in dating.dates}
        undecided = [name for name in dates if name not in decided and name not in self.undated]
        if undecided:
            raise ValueError(
                f"{self.name}: no dated_by names the date column {', '.join(undecided)}; add a Dating that "
                "says what is known since that date, or the replay would show the future."
            )

    def having(self, names: Collection[str]) -> Self:
        """Return the table without the optional columns that are not among `names`."""
        there = [name for name in self.names if name in names or name not in self.optional]
        return replace(
            self,
            columns=tuple(column for column in self.columns if column.name in there),
            optional=tuple(name for name in self.optional if name in there),
            dated_by=tuple(d for dating in self.dated_by if (d := dating.having(there)) is not None),
            undated=tuple(name for name in self.undated if name in there),
        )

    @property
    def absent(self) -> pa.Table:
        """What a source gives if it does not have the table: no rows, and no optional column."""
        return as_given(self.arrow, ()).empty_table()

    def is_there(self, rows: int) -> bool:
        """Return whether the source has the table, given its number of rows; a missing table has none."""
        return bool(rows) or not self.optional_table

"""A table as text: the columns of a CSV file or of a sheet, untouched, with the numbers of its rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow as pa

# The header is looked for in so many rows: exports may write a title above it.
HEADER_WITHIN = 20

# Which columns to read: some names, those that a function picks from the header, or all.
Wanted = Sequence[str] | Callable[[Sequence[str]], Sequence[str]] | None


@dataclass(frozen=True)
class RaggedRow:
    """A row with more or fewer fields than the header.

    Attributes:
        number: its number, as in a spreadsheet.
        text: the row as it stands in the file.
        fields: how many fields it has.
    """

    number: int
    text: str
    fields: int


@dataclass(frozen=True)
class TextTable:
    """The rows of a table as text.

    Attributes:
        name: the file, and the sheet if it is a workbook; for messages.
        header: the names of all columns, trimmed, in the order of the file. A name may appear twice.
        rows: the wanted columns by name, strings, never null, untouched; of a repeated name the first.
        numbers: shape (rows,), the row numbers, as in a spreadsheet: the first line of the file is row 1.
        ragged: the rows that do not have as many fields as the header; they are not in `rows`.
        notes: what the reader decided by itself, in sentences, for example the encoding.
    """

    name: str
    header: list[str]
    rows: pa.Table
    numbers: pa.Array
    ragged: tuple[RaggedRow, ...] = ()
    notes: tuple[str, ...] = ()

    def column(self, name: str) -> pa.ChunkedArray:
        """Return a column, untouched."""
        return self.rows[name]


@dataclass(frozen=True)
class Forms:
    """How a CRM writes dates and numbers, as far as somebody says so.

    Attributes:
        dates: how dates are written, for example `D/M/YYYY`; None to find out column by column.
        numbers: how numbers are written, `1,234.5` or `1.234,5`; None to find out.
        zone: the time zone in which days count, for example `Europe/Berlin`; None for days as written.
    """

    dates: str | None = None
    numbers: str | None = None
    zone: str | None = None


AS_FOUND = Forms()


def picked(wanted: Wanted, header: Sequence[str]) -> list[str]:
    """Return the columns of a header to read, each once.

    >>> picked(["b", "x"], ["a", "b"]), picked(None, ["a", "", "a"])
    (['b'], ['a'])
    """
    if wanted is None:
        return list(dict.fromkeys(column for column in header if column))
    names = wanted if isinstance(wanted, Sequence) else wanted(header)
    return [column for column in dict.fromkeys(names) if column in header]


def header_at(records: Sequence[Sequence[str]]) -> int:
    """Return the position of the header among the first records of a table.

    It is the first record that fills as many fields as most records have. Blank records and titles
    above it are skipped.

    Args:
        records: the first records of the table.

    >>> header_at([["Deals of 2024", ""], ["", ""], ["id", "amount"], ["1", "5"], ["2", ""]])
    2
    """
    widths = Counter(len(record) for record in records if any(field.strip() for field in record))
    if not widths:
        return 0
    # In a small file with odd rows, the first record counts unless it looks like a title.
    first = next(len(record) for record in records if any(field.strip() for field in record))
    usual = max(widths, key=lambda width: (widths[width], width == first > 1, width))
    filled = [
        sum(bool(field.strip()) for field in record) if len(record) == usual else 0
        for record in records[:HEADER_WITHIN]
    ]
    # A header names nearly all columns; a title fills one or two fields of a wide row.
    most = max(filled)
    return next((at for at, count in enumerate(filled) if count and 2 * count > most), 0)

"""Turn a table of text into the columns of a raw table, and report every structural fault in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from unicodedata import normalize

import pyarrow as pa
import pyarrow.compute as pc

from crm_assets.crm.schema import SOURCE_ROW, RawTable
from crm_assets.errors import BadInputError
from crm_assets.sources.csv_text import SEPARATORS
from crm_assets.sources.faults import shortened
from crm_assets.sources.files import File
from crm_assets.sources.text_table import AS_FOUND, Forms, RaggedRow, TextTable

_ROWS_SHOWN = 5
# More commas than an address with line breaks usually has; matters for tables with few columns.
_COMMAS = 3
# Signs without width that no reader sees, among them those that set the direction of writing.
_UNSEEN = "[\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff\u00ad]"


@dataclass(frozen=True)
class FileText:
    """The rows of a file as text.

    Attributes:
        name: the file, for messages.
        text: the columns of a raw table that the file has, trimmed, in Unicode's composed form (NFC), null
            if empty, and each row's number.
        rows: the same columns untouched, including blanks, empty values and rows without any value.
        width: how many columns the header has.
        filled: which of these rows have any value; only they are in `text`.
        ragged: the rows that have more or fewer fields than the header.
        notes: what the reader decided by itself, in sentences.
        forms: how dates and numbers are written, as far as a mapping says so.
        finish: what else a mapping does once the values have their types; None if nothing.
    """

    name: str
    text: pa.Table
    rows: pa.Table
    width: int
    filled: pa.Array
    ragged: tuple[RaggedRow, ...] = ()
    notes: tuple[str, ...] = ()
    forms: Forms = AS_FOUND
    finish: Callable[[pa.Table], pa.Table] | None = None

    @property
    def original(self) -> pa.Table:
        """The rows of `text`, untouched, with their numbers."""
        return self.rows.filter(self.filled).append_column(SOURCE_ROW.name, self.text[SOURCE_ROW.name])


def read_file(file: File, table: RawTable) -> FileText:
    """Read the columns of `table` from a file, opening it once.

    Columns may come in any order; those that `table` does not know are ignored.

    Raises:
        SourceUnavailableError: the file cannot be opened.
        BadInputError: the file is no readable table, lacks a column, names one twice, leaves a quotation
            mark open, or has no rows although the table is required.
    """
    found = file.read([name for name in table.names if name != SOURCE_ROW.name])
    _check_header(found, table)
    columns = {name: trimmed_text(found.rows[name]) for name in found.rows.column_names}
    wanted = list(columns.values())
    columns[SOURCE_ROW.name] = found.numbers
    filled = reduce(pc.or_, [pc.is_valid(column) for column in wanted])
    text = pa.table(columns).filter(filled)
    if text.num_rows == 0 and not table.optional_table:
        raise BadInputError(f"{found.name} has a header but no rows; export the table again.")
    _check_swallowed(found.name, text, len(found.header))
    return FileText(found.name, text, found.rows, len(found.header), filled, found.ragged, found.notes)


def ragged_sentence(file: FileText) -> str:
    """Describe the rows that have more or fewer fields than the header."""
    bad = file.ragged
    shown = ", ".join(str(row.number) for row in bad[:_ROWS_SHOWN])
    more = f" and {len(bad) - _ROWS_SHOWN} more" if len(bad) > _ROWS_SHOWN else ""
    found = ", ".join(sorted({str(row.fields) for row in bad[:_ROWS_SHOWN]}))
    return (
        f"{file.name}, row{'s' if len(bad) > 1 else ''} {shown}{more}: {found} fields, but the header has "
        f"{file.width}; look for a missing or extra comma, or a quotation mark that is never closed."
    )


def _check_header(found: TextTable, table: RawTable) -> None:
    file, header = found.name, found.header
    needed = [name for name in table.names if name not in table.optional and name != SOURCE_ROW.name]
    missing = [name for name in needed if name not in header]
    # A row without any date could not be placed in time.
    if table.dated_by and not set(header).intersection(dates := table.dated_by[0].dates):
        missing += [] if set(missing).intersection(dates) else [" or ".join(dates)]
    if missing and len(header) == 1 and (sign := next((s for s in SEPARATORS if s in header[0]), None)):
        raise BadInputError(
            f"{file}: the columns are separated by {SEPARATORS[sign]}, but not in every row; save the file "
            "with commas."
        )
    if missing:
        raise BadInputError(
            f"{file}, column {', '.join(missing)}: missing from the header, which has "
            f"{shortened(', '.join(header), 200)}; rename or add {'it' if len(missing) == 1 else 'them'}."
        )
    twice = sorted({name for name in header if name in table.names and header.count(name) > 1})
    if twice:
        raise BadInputError(
            f"{file}, column {', '.join(twice)}: appears twice in the header; keep one of them."
        )


def _check_swallowed(file: str, rows: pa.Table, width: int) -> None:
    """Refuse values that hold whole rows: two stray quotation marks swallow everything between them."""
    for name in rows.column_names[:-1]:
        commas = pc.count_substring(rows[name], ",")
        lines = pc.match_substring_regex(rows[name], r"[\r\n]")
        swallowed = rows.filter(pc.and_(lines, pc.greater_equal(commas, max(width - 1, _COMMAS))))
        if swallowed.num_rows:
            raise BadInputError(
                f"{file}, column {name}, row {swallowed[SOURCE_ROW.name][0]}: a quotation mark opens a value "
                "that swallows the rows below; close or remove it."
            )


def trimmed_text(text: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Take off blanks and signs that nobody sees, and compose letters with their marks."""
    trimmed = text.combine_chunks() if isinstance(text, pa.ChunkedArray) else text
    if isinstance(trimmed, pa.ChunkedArray):
        trimmed = trimmed.chunk(0) if trimmed.num_chunks else pa.array([], pa.string())
    if not pc.all(pc.string_is_ascii(trimmed)).as_py():
        trimmed = _composed(pc.replace_substring_regex(trimmed, _UNSEEN, ""))
    trimmed = pc.utf8_trim_whitespace(trimmed)
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)


def _composed(text: pa.Array) -> pa.Array:
    """Compose letters with their marks, each distinct text once.

    Arrow's own `utf8_normalize` does not: in pyarrow 25 its NFC takes letters apart.
    """
    encoded = text.dictionary_encode()
    composed = [None if one is None else normalize("NFC", one) for one in encoded.dictionary.to_pylist()]
    return pa.array(composed, pa.string()).take(encoded.indices)

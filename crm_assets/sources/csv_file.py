"""Read one CSV file as text, and report every structural fault in a sentence."""

from __future__ import annotations

import codecs
import csv
import io
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import reduce
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from crm_assets.crm.schema import SOURCE_ROW, RawTable
from crm_assets.errors import BadInputError, SourceUnavailableError
from crm_assets.sources.faults import shortened

OTHER_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars"}
_HEADER_BYTES = 64 * 1024
_CHUNK_BYTES = 1 << 20
_ROWS_SHOWN = 5
# More commas than an address with line breaks usually has; matters for tables with few columns.
_COMMAS = 3
_END = "end of file"


@dataclass(frozen=True)
class FileText:
    """The rows of a file as text.

    Attributes:
        text: the columns of a raw table that the file has, trimmed, null if empty, and each row's number.
        rows: the same columns untouched, including blanks, empty values and rows without any value.
        filled: which of these rows have any value; only they are in `text`.
    """

    text: pa.Table
    rows: pa.Table
    filled: pa.Array

    @property
    def original(self) -> pa.Table:
        """The rows of `text`, untouched, with their numbers."""
        return self.rows.filter(self.filled).append_column(SOURCE_ROW.name, self.text[SOURCE_ROW.name])


def read_file(path: Path, table: RawTable) -> FileText:
    """Read the columns of `table` from a file, opening it once.

    Columns may come in any order; those that `table` does not know are ignored.

    Raises:
        SourceUnavailableError: the file is missing or cannot be opened.
        BadInputError: the file is empty, not UTF-8, not comma-separated, lacks a column, names
            one twice, leaves a quotation mark open, has rows with more or fewer fields than
            its header, or has no rows although the table is required.
    """
    name, data = path.name, _bytes(path)
    header = _header(name, data[:_HEADER_BYTES])
    _check_header(name, header, table)
    wanted = [column for column in table.names if column in header and column != SOURCE_ROW.name]
    _check_characters(name, data, wanted)
    only_header = len(data) < _HEADER_BYTES and len(data.splitlines()) == 1
    rows, skipped = (_none(wanted), []) if only_header else _rows(name, data, header, wanted)
    # Free it now, because the text below takes as much memory again.
    del data
    numbers = np.arange(2, rows.num_rows + len(skipped) + 2)
    columns = {column: _trimmed(rows[column]) for column in wanted}
    columns[SOURCE_ROW.name] = pa.array(np.setdiff1d(numbers, np.array(skipped, dtype="int64")))
    filled = _any_value([columns[column] for column in wanted])
    text = pa.table(columns).filter(filled)
    if text.num_rows == 0 and not table.optional_table:
        raise BadInputError(f"{name} has a header but no rows; export the table again.")
    _check_swallowed(name, text, len(header))
    return FileText(text, rows, filled)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SourceUnavailableError(
            f"{path.name} cannot be opened: {error.strerror}; check CRM_DATA_DIR and the file's permissions."
        ) from error


def _header(file: str, start: bytes) -> list[str]:
    if not start.removeprefix(codecs.BOM_UTF8).strip():
        raise BadInputError(f"{file} is empty; export the table again.")
    line = start.splitlines()[0]
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_utf8(file, "row 1") from error
    if "\0" in text:
        raise _not_utf8(file, "row 1")
    if not text.strip(", "):
        raise BadInputError(
            f"{file}, row 1: the header should be here, but the row is blank; delete blank rows above it."
        )
    if text.count('"') % 2:
        raise BadInputError(
            f"{file}, row 1: the header has a quotation mark that is not closed; "
            "close it, and keep each column name on one line."
        )
    return [name.strip() for name in next(csv.reader([text]))]


def _check_header(file: str, header: list[str], table: RawTable) -> None:
    needed = [name for name in table.names if name not in table.optional and name != SOURCE_ROW.name]
    missing = [name for name in needed if name not in header]
    # A row without any date could not be placed in time.
    if table.dated_by and not set(header).intersection(dates := table.dated_by[0].dates):
        missing += [] if set(missing).intersection(dates) else [" or ".join(dates)]
    for sign, called in OTHER_DELIMITERS.items():
        if missing and len(header) == 1 and sign in header[0]:
            raise BadInputError(f"{file}: the columns are separated by {called}; save the file with commas.")
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


def _check_characters(file: str, data: bytes, wanted: list[str]) -> None:
    """Refuse text that is not UTF-8, NUL characters, and a quotation mark that is left open."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    # In parts, since the whole text would take several times the memory of the file.
    parts = (data[at : at + _CHUNK_BYTES] for at in range(0, len(data), _CHUNK_BYTES))
    utf8 = all(_decodes(decoder, part) for part in parts) and _decodes(decoder, b"", final=True)
    if not utf8 and (place := _place(data, _undecodable, wanted)):
        raise _not_utf8(file, place)
    if b"\0" in data and (place := _place(data, lambda field: "\0" in field, wanted)):
        raise BadInputError(
            f"{file}, {place}: has a NUL character, which text never has; save the file as CSV with the "
            "encoding UTF-8."
        )
    row = _open_quotation(data) if data.count(b'"') % 2 else None
    if row is not None:
        raise BadInputError(
            f"{file}, row {row}: a quotation mark opens a value and is never closed; close or remove it."
        )


def _decodes(decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return False
    return True


def _open_quotation(data: bytes) -> int | None:
    """Return the row whose quotation mark swallows the rest of the file; None if there is none."""
    last: deque[tuple[int, list[str]]] = deque([(0, [])], maxlen=1)
    try:
        last.extend(enumerate(csv.reader(chain(_lines(data), [_END])), start=1))
    except csv.Error:  # a value longer than any real one
        return last[0][0] + 1
    number, fields = last[0]
    return None if fields == [_END] else number


def _lines(data: bytes) -> io.TextIOWrapper:
    """Return the lines of a file as text, with surrogates for bytes that are not UTF-8."""
    return io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", errors="surrogateescape", newline="")


def _rows(file: str, data: bytes, header: list[str], wanted: list[str]) -> tuple[pa.Table, list[int]]:
    """Return the rows as text, and the numbers of the blank lines that were skipped."""
    ragged: list[arrow_csv.InvalidRow] = []

    def read(threads: bool) -> pa.Table:
        ragged.clear()

        def note(row: arrow_csv.InvalidRow) -> str:
            ragged.append(row)
            return "skip"

        # Unnamed and repeated columns beside ours do no harm.
        names = [name if name in wanted else f"ignored {i}" for i, name in enumerate(header)]
        return arrow_csv.read_csv(
            pa.BufferReader(data),
            read_options=arrow_csv.ReadOptions(
                column_names=names, skip_rows=1, use_threads=threads, block_size=1 << 24
            ),
            parse_options=arrow_csv.ParseOptions(
                newlines_in_values=True, ignore_empty_lines=False, invalid_row_handler=note
            ),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=wanted,
                column_types={name: pa.string() for name in wanted},
                strings_can_be_null=False,
            ),
        )

    try:
        rows = read(threads=True)
        if ragged:
            # Arrow knows row numbers only when it reads with a single thread.
            rows = read(threads=False)
    except pa.ArrowInvalid as error:
        if "UTF8" in str(error) or "UTF-8" in str(error):
            raise _not_utf8(file, "at or below a very long value") from error
        raise BadInputError(
            f"{file} is not a readable CSV file: {shortened(str(error))}; export the table again."
        ) from error
    blank = [row for row in ragged if not row.text.strip()]
    bad = [row for row in ragged if row.text.strip()]
    if bad:
        raise _ragged(file, bad, len(header))
    return rows, [_number(row) for row in blank]


def _number(row: arrow_csv.InvalidRow) -> int:
    return int(row.number or 0)


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


def _ragged(file: str, bad: list[arrow_csv.InvalidRow], expected: int) -> BadInputError:
    shown = ", ".join(str(_number(row)) for row in bad[:_ROWS_SHOWN])
    more = f" and {len(bad) - _ROWS_SHOWN} more" if len(bad) > _ROWS_SHOWN else ""
    found = ", ".join(sorted({str(row.actual_columns) for row in bad[:_ROWS_SHOWN]}))
    return BadInputError(
        f"{file}, row{'s' if len(bad) > 1 else ''} {shown}{more}: {found} fields, but the header has "
        f"{expected}; look for a missing or extra comma, or a quotation mark that is never closed."
    )


def _none(wanted: list[str]) -> pa.Table:
    return pa.table({column: pa.array([], pa.string()) for column in wanted})


def _not_utf8(file: str, where: str) -> BadInputError:
    return BadInputError(f"{file}, {where}: not UTF-8 text; save the file as CSV with the encoding UTF-8.")


def _place(data: bytes, faulty: Callable[[str], bool], wanted: list[str]) -> str | None:
    """Return the column and row of the first faulty value in a wanted column or a ragged row."""
    records = csv.reader(_lines(data))
    header = [name.strip() for name in next(records)]
    # A value that is too long for the reader ends the search.
    with suppress(csv.Error):
        for number, fields in enumerate(records, start=2):
            if len(fields) != len(header):
                if any(map(faulty, fields)):
                    return f"row {number}"
                continue
            for name, field in zip(header, fields, strict=True):
                if name in wanted and faulty(field):
                    return f"column {name}, row {number}"
    return None


def _undecodable(field: str) -> bool:
    """Return whether a value holds surrogates, which stand for bytes that are not UTF-8."""
    return any("\ud800" <= sign <= "\udfff" for sign in field)


def _any_value(columns: list[pa.Array]) -> pa.Array:
    """Return which rows have any value: spreadsheets export blank rows as lines of commas."""
    return reduce(pc.or_, [pc.is_valid(column) for column in columns])


def _trimmed(text: pa.ChunkedArray) -> pa.Array:
    trimmed = pc.utf8_trim_whitespace(text).combine_chunks()
    if isinstance(trimmed, pa.ChunkedArray):
        trimmed = trimmed.chunk(0) if trimmed.num_chunks else pa.array([], pa.string())
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)

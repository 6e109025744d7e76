"""Read the text of one CSV file: any usual separator and encoding, with exact row numbers."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv

from crm_assets.errors import BadInputError
from crm_assets.sources.encodings import as_utf8, is_utf8
from crm_assets.sources.faults import shortened
from crm_assets.sources.text_table import RaggedRow, TextTable, Wanted, header_at, picked

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_START_BYTES = 256 * 1024
_RECORDS_SEEN = 200
# Excel's own first line, which names the separator.
_SEPARATOR_LINE = re.compile(rb"""^"?sep=(.)"?\r?\n""", re.IGNORECASE)
_END = "end of file"


@dataclass(frozen=True)
class _Layout:
    """How a file is laid out.

    Attributes:
        separator: the sign between two fields.
        header: the names of the columns, trimmed.
        row: the row number of the header.
        end: the byte after the header.
    """

    separator: str
    header: list[str]
    row: int
    end: int


def read_csv(name: str, data: bytes, columns: Wanted = None) -> TextTable:
    """Read the text of a CSV file.

    Args:
        name: the file, for messages.
        data: its bytes.
        columns: the wanted columns; those that the file lacks are ignored.

    Raises:
        BadInputError: the file is empty or no text, has broken characters in a wanted column, or leaves a
            quotation mark open.
    """
    data, encoding = as_utf8(name, data)
    notes = [] if encoding is None else [f"{name} is not UTF-8; it is read as {encoding}."]
    if not data.strip():
        raise BadInputError(f"{name} is empty; export the table again.")
    layout = _layout(name, data)
    if layout.separator != ",":
        notes.append(f"{name} separates its columns by {SEPARATORS[layout.separator]}.")
    wanted = picked(columns, layout.header)
    _check_characters(name, data, layout, wanted)
    if len(data) > layout.end:
        rows, odd = _rows(name, data, layout, wanted)
    else:
        rows, odd = _none(wanted), []
    # Free it now: callers need as much memory again.
    del data
    count = rows.num_rows + len(odd)
    rows = rows.select(wanted)
    numbers = np.delete(np.arange(count), [_number(row) - 1 for row in odd])
    ragged = tuple(
        RaggedRow(_number(row) + layout.row, row.text, row.actual_columns) for row in odd if row.text.strip()
    )
    return TextTable(name, layout.header, rows, pa.array(numbers + layout.row + 1), ragged, tuple(notes))


def _layout(name: str, data: bytes) -> _Layout:
    """Find the separator and the header.

    Raises:
        BadInputError: the header leaves a quotation mark open.
    """
    named = _SEPARATOR_LINE.match(data[:100])
    begin = named.end() if named else 0
    start = data[begin : begin + _START_BYTES].decode("utf-8", "surrogateescape")
    separator = named.group(1).decode("latin-1") if named else _separator(start)
    if separator not in SEPARATORS:
        separator = _separator(start)
    lines = list(io.StringIO(start, newline=""))
    at = header_at(_records(lines, separator))
    reader = csv.reader(lines, delimiter=separator)
    try:
        skipped = list(islice(reader, at))
        header = next(reader)
    except csv.Error:
        skipped, header = [], ["\n"]
    taken = lines[: reader.line_num]
    broken = any(set(field) & {"\n", "\r"} for field in header) and len(header) < _usual(lines, separator)
    odd = [number for number, line in enumerate(taken, start=1) if line.count('"') % 2]
    if broken or len(odd) % 2:
        raise BadInputError(
            f"{name}, row {odd[0] if odd else 1}: the header has a quotation mark that is not closed; "
            "close it, and keep each column name on one line."
        )
    end = sum(len(line.encode("utf-8", "surrogateescape")) for line in taken)
    names = [" ".join(field.split()) for field in header]
    return _Layout(separator, names, len(skipped) + 1 + bool(named), begin + end)


def _separator(start: str) -> str:
    """Return the separator that divides most records into the same number of fields, and the header best."""
    lines = list(io.StringIO(start, newline=""))

    def fit(separator: str) -> int:
        records = _records(lines, separator)
        if not records:
            return 0
        header = records[header_at(records)]
        # A name that begins or ends with another separator is cut at the wrong sign.
        others = "".join(sign for sign in SEPARATORS if sign != separator and not sign.isspace())
        names = [name.strip() for name in header]
        whole = sum(bool(name) and name.strip(others) == name for name in names)
        return sum(len(record) == len(header) for record in records) * (whole - 1)

    return max(SEPARATORS, key=fit)


def _records(lines: list[str], separator: str) -> list[list[str]]:
    """Return the first records; the last one may be cut, so it does not count."""
    found: list[list[str]] = []
    # A quotation mark that is left open makes a value that is too long: what was read before it counts.
    with suppress(csv.Error):
        for record in islice(csv.reader(lines, delimiter=separator), _RECORDS_SEEN):
            found.append(record)  # noqa: PERF402 - keeps the records before an error
    return found[:-1] if len(found) > 2 else found


def _usual(lines: list[str], separator: str) -> int:
    """Return how many fields most lines have, without regard to quotation marks."""
    widths = Counter(line.count(separator) + 1 for line in lines[1:_RECORDS_SEEN])
    return max(widths, key=lambda width: widths[width], default=0)


def _check_characters(name: str, data: bytes, layout: _Layout, wanted: list[str]) -> None:
    """Refuse broken characters in wanted columns, and a quotation mark that is left open."""
    if not is_utf8(data) and (place := _place(data, layout, wanted, _undecodable)):
        raise _not_utf8(name, place)
    if b"\0" in data and (place := _place(data, layout, wanted, lambda field: "\0" in field)):
        raise BadInputError(
            f"{name}, {place}: has a NUL character, which text never has; save the file as CSV with the "
            "encoding UTF-8."
        )
    row = _open_quotation(data, layout) if data.count(b'"') % 2 else None
    if row is not None:
        raise BadInputError(
            f"{name}, row {row}: a quotation mark opens a value and is never closed; close or remove it."
        )


def _body(data: bytes, layout: _Layout) -> Iterator[str]:
    """Return the lines below the header as text, with surrogates for bytes that are not UTF-8."""
    buffer = io.BytesIO(data)
    buffer.seek(layout.end)
    return io.TextIOWrapper(buffer, encoding="utf-8", errors="surrogateescape", newline="")


def _open_quotation(data: bytes, layout: _Layout) -> int | None:
    """Return the row whose quotation mark swallows the rest of the file; None if there is none."""
    last: deque[tuple[int, list[str]]] = deque([(layout.row, [])], maxlen=1)
    records = csv.reader(chain(_body(data, layout), [_END]), delimiter=layout.separator)
    try:
        last.extend(enumerate(records, start=layout.row + 1))
    except csv.Error:  # a value longer than any real one
        return last[0][0] + 1
    number, fields = last[0]
    return None if fields == [_END] else number


def _place(data: bytes, layout: _Layout, wanted: list[str], faulty: Callable[[str], bool]) -> str | None:
    """Return the column and row of the first faulty value in a wanted column or a ragged row."""
    records = csv.reader(_body(data, layout), delimiter=layout.separator)
    # A value that is too long for the reader ends the search.
    with suppress(csv.Error):
        for number, fields in enumerate(records, start=layout.row + 1):
            if len(fields) != len(layout.header):
                if any(map(faulty, fields)):
                    return f"row {number}"
                continue
            for name, field in zip(layout.header, fields, strict=True):
                if name in wanted and faulty(field):
                    return f"column {name}, row {number}"
    return None


def _undecodable(field: str) -> bool:
    """Return whether a value holds surrogates, which stand for bytes that are not UTF-8."""
    return any("\ud800" <= sign <= "\udfff" for sign in field)


def _rows(
    name: str, data: bytes, layout: _Layout, wanted: list[str]
) -> tuple[pa.Table, list[arrow_csv.InvalidRow]]:
    """Return the rows as text, and the rows that do not have as many fields as the header."""
    odd: list[arrow_csv.InvalidRow] = []
    seen: set[str] = set()
    columns = []
    for at, column in enumerate(layout.header):
        # Unnamed and repeated columns beside the wanted ones do no harm.
        columns.append(column if column in wanted and column not in seen else f"ignored {at}")
        seen.add(column)

    def read(threads: bool) -> pa.Table:
        odd.clear()

        def note(row: arrow_csv.InvalidRow) -> str:
            odd.append(row)
            return "skip"

        return arrow_csv.read_csv(
            pa.BufferReader(pa.py_buffer(data).slice(layout.end)),
            read_options=arrow_csv.ReadOptions(column_names=columns, use_threads=threads, block_size=1 << 24),
            parse_options=arrow_csv.ParseOptions(
                delimiter=layout.separator,
                newlines_in_values=True,
                ignore_empty_lines=False,
                invalid_row_handler=note,
            ),
            convert_options=arrow_csv.ConvertOptions(
                # Without any name, Arrow would read all columns.
                include_columns=wanted or columns[:1],
                column_types={column: pa.string() for column in wanted},
                strings_can_be_null=False,
            ),
        )

    try:
        rows = read(threads=True)
        if odd:
            # Arrow knows row numbers only when it reads with a single thread.
            rows = read(threads=False)
    except pa.ArrowInvalid as error:
        if "UTF8" in str(error) or "UTF-8" in str(error):
            raise _not_utf8(name, "at or below a very long value") from error
        raise BadInputError(
            f"{name} is not a readable CSV file: {shortened(str(error))}; export the table again."
        ) from error
    return rows, odd


def _number(row: arrow_csv.InvalidRow) -> int:
    return int(row.number or 0)


def _none(wanted: list[str]) -> pa.Table:
    return pa.table({column: pa.array([], pa.string()) for column in wanted})


def _not_utf8(name: str, where: str) -> BadInputError:
    return BadInputError(f"{name}, {where}: not UTF-8 text; save the file as CSV with the encoding UTF-8.")

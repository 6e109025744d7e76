"""Reading one CSV file as text, with every structural fault told in a sentence."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from crm_assets.crm.schema import SOURCE_ROW, RawTable
from crm_assets.errors import BadInputError, SourceUnavailableError

OTHER_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars"}
_HEADER_BYTES = 64 * 1024
_ROWS_SHOWN = 5


def read_text(path: Path, table: RawTable) -> pa.Table:
    """Read the columns of `table` as text, null where empty, and each row's number.

    Columns may stand in any order; those that `table` does not know are ignored.

    Raises:
        SourceUnavailableError: the file is not there or cannot be opened.
        BadInputError: the file is empty, not UTF-8, not comma-separated, lacks a column, names
            one twice, or has rows with more or fewer fields than its header.
    """
    header = _header(path)
    _check_header(path.name, header, table)
    wanted = [name for name in table.names if name in header]
    rows, skipped = _rows(path, header, wanted)
    if rows.num_rows == 0:
        raise BadInputError(f"{path.name} has a header but no rows; export the table again.")
    numbers = np.arange(2, rows.num_rows + len(skipped) + 2)
    columns = {name: _trimmed(rows[name]) for name in wanted}
    columns[SOURCE_ROW.name] = pa.array(np.setdiff1d(numbers, np.array(skipped, dtype="int64")))
    return pa.table(columns)


def _header(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            start = file.read(_HEADER_BYTES)
    except OSError as error:
        raise SourceUnavailableError(
            f"{path.name} cannot be opened: {error.strerror}; check CRM_DATA_DIR and the file's rights."
        ) from error
    if not start.strip():
        raise BadInputError(f"{path.name} is empty; export the table again.")
    line = start.splitlines()[0]
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_utf8(path.name, "row 1") from error
    return [name.strip() for name in next(csv.reader([text]))]


def _check_header(file: str, header: list[str], table: RawTable) -> None:
    needed = [
        name for name in table.names if name not in table.optional and name != SOURCE_ROW.name
    ]
    missing = [name for name in needed if name not in header]
    for sign, called in OTHER_DELIMITERS.items():
        if missing and len(header) == 1 and sign in header[0]:
            raise BadInputError(
                f"{file}: the columns are separated by {called}; save the file with commas."
            )
    if missing:
        raise BadInputError(
            f"{file}, column {', '.join(missing)}: missing from the header, which has "
            f"{', '.join(header)}; rename or add {'it' if len(missing) == 1 else 'them'}."
        )
    twice = sorted({name for name in header if name in table.names and header.count(name) > 1})
    if twice:
        raise BadInputError(
            f"{file}, column {', '.join(twice)}: stands twice in the header; keep one of them."
        )


def _rows(path: Path, header: list[str], wanted: list[str]) -> tuple[pa.Table, list[int]]:
    """The rows as text, and the numbers of blank lines that were skipped."""
    ragged: list[arrow_csv.InvalidRow] = []

    def read(threads: bool) -> pa.Table:
        ragged.clear()

        def note(row: arrow_csv.InvalidRow) -> str:
            ragged.append(row)
            return "skip"

        # Unnamed and repeated columns beside ours are nobody's business.
        names = [name if name in wanted else f"ignored {i}" for i, name in enumerate(header)]
        return arrow_csv.read_csv(
            path,
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
            # Only a single thread knows the rows' numbers.
            rows = read(threads=False)
    except pa.ArrowInvalid as error:
        if "UTF8" in str(error) or "UTF-8" in str(error):
            raise _not_utf8(path.name, _undecodable_row(path)) from error
        raise BadInputError(f"{path.name} is no readable CSV: {error}; export the table again.") from error
    blank = [row for row in ragged if not row.text.strip()]
    bad = [row for row in ragged if row.text.strip()]
    if bad:
        raise _ragged(path.name, bad, len(header))
    return rows, [_number(row) for row in blank]


def _number(row: arrow_csv.InvalidRow) -> int:
    return int(row.number or 0)


def _ragged(file: str, bad: list[arrow_csv.InvalidRow], expected: int) -> BadInputError:
    shown = ", ".join(str(_number(row)) for row in bad[:_ROWS_SHOWN])
    more = f" and {len(bad) - _ROWS_SHOWN} more" if len(bad) > _ROWS_SHOWN else ""
    found = ", ".join(sorted({str(row.actual_columns) for row in bad[:_ROWS_SHOWN]}))
    return BadInputError(
        f"{file}, row{'s' if len(bad) > 1 else ''} {shown}{more}: {found} fields where the header has "
        f"{expected}; look for a missing or extra comma, or a quotation mark that is never closed."
    )


def _not_utf8(file: str, where: str) -> BadInputError:
    return BadInputError(f"{file}, {where}: not UTF-8 text; save the file with the encoding UTF-8.")


def _undecodable_row(path: Path) -> str:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return f"row {number}"
    return "somewhere"


def _trimmed(text: pa.ChunkedArray) -> pa.Array:
    trimmed = pc.utf8_trim_whitespace(text).combine_chunks()
    if isinstance(trimmed, pa.ChunkedArray):
        trimmed = trimmed.chunk(0) if trimmed.num_chunks else pa.array([], pa.string())
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)

"""Read a sheet of a workbook (xlsx, xlsm, xlsb, xls, ods) as text."""

from __future__ import annotations

import io
from datetime import date, datetime, time, timedelta

import pyarrow as pa
from python_calamine import CalamineError, CalamineWorkbook, PasswordError, ZipError

from crm_assets.errors import BadInputError
from crm_assets.sources.encodings import as_utf8
from crm_assets.sources.text_table import TextTable, Wanted, header_at, picked
from crm_assets.sources.web_page import is_web_page, records_of

SUFFIXES = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
# The first bytes of zip archives and of Microsoft's older files.
MARKS = (b"PK", b"\xd0\xcf\x11\xe0")


def sheets(name: str, data: bytes) -> list[str]:
    """Return the names of the sheets of a workbook, in order.

    Raises:
        BadInputError: it is no workbook, or it needs a password.
    """
    return ["page"] if is_web_page(data) else list(_opened(name, data).sheet_names)


def is_text(data: bytes) -> bool:
    """Return whether a file is text, whatever its name says: workbooks begin with marks of their own."""
    return not data.startswith(MARKS) and not is_web_page(data)


def _of_page(name: str, data: bytes) -> list[list[str]]:
    """Return the rows of a page's tables, all as wide as the widest."""
    found = records_of(as_utf8(name, data)[0].decode("utf-8", "replace"))
    width = max((len(record) for record in found), default=0)
    return [[*record, *[""] * (width - len(record))] for record in found]


def read_sheet(name: str, data: bytes, sheet: str, columns: Wanted = None) -> TextTable:
    """Read one sheet. Dates become `YYYY-MM-DD`, whole numbers lose the decimals that Excel gives them.

    Args:
        name: the file and the sheet, for messages.
        data: the bytes of the workbook.
        sheet: the name of the sheet.
        columns: the wanted columns; those that the sheet lacks are ignored.

    Raises:
        BadInputError: the workbook cannot be read, or the sheet is empty.
    """
    if is_web_page(data):
        records = _of_page(name, data)
    else:
        cells = _opened(name, data).get_sheet_by_name(sheet).to_python(skip_empty_area=False)
        records = [[_text(cell) for cell in row] for row in cells]
        del cells
    if not any(any(record) for record in records):
        raise BadInputError(f"{name} is empty; export the table again.")
    at = header_at(records)
    header = [" ".join(field.split()) for field in records[at]]
    wanted = picked(columns, header)
    body = records[at + 1 :]
    place = {column: header.index(column) for column in wanted}
    rows = pa.table(
        {column: pa.array([record[place[column]] for record in body], pa.string()) for column in wanted}
    )
    numbers = pa.array(range(at + 2, at + 2 + len(body)), pa.int64())
    return TextTable(name, header, rows, numbers)


def _opened(name: str, data: bytes) -> CalamineWorkbook:
    try:
        return CalamineWorkbook.from_filelike(io.BytesIO(data))
    except PasswordError as error:
        raise BadInputError(f"{name} needs a password; save it without one.") from error
    except (CalamineError, ZipError, OSError, ValueError) as error:
        raise BadInputError(
            f"{name} is not a readable workbook; save it again as .xlsx, or as CSV with the encoding UTF-8."
        ) from error


def _text(cell: object) -> str:
    """Return a cell as text.

    >>> _text(12.0), _text(datetime(2024, 11, 5)), _text(True), _text("x")
    ('12', '2024-11-05', 'TRUE', 'x')
    """
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    if isinstance(cell, datetime):
        return str(cell.date()) if cell.time() == time() else cell.isoformat(" ", "seconds")
    if isinstance(cell, date | time | timedelta):
        return str(cell)
    return str(cell)

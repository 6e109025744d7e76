"""Text that spreadsheets would run as a formula, made harmless."""

from __future__ import annotations

import pandas as pd

# A cell that starts with one of these is a formula to Excel, LibreOffice or Google Sheets.
STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001
MARK = "'"


def safe(value: object) -> object:
    """Return a value for a cell of a CSV file: text that starts like a formula gets an apostrophe.

    >>> safe("=HYPERLINK(1)"), safe("Smith"), safe(-3.5), safe("  @x")
    ("'=HYPERLINK(1)", 'Smith', -3.5, "'  @x")
    """
    if isinstance(value, str) and (value.startswith(STARTS) or value.lstrip().startswith(STARTS)):
        return MARK + value
    return value


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """Return a table as a CSV file in UTF-8, with the mark that tells Excel so."""
    texts = frame.select_dtypes(include=["object", "string"]).columns
    shown = frame.assign(**{name: frame[name].map(safe) for name in texts})
    shown.columns = [str(safe(str(name))) for name in shown.columns]
    return shown.to_csv(index=False, lineterminator="\r\n").encode("utf-8-sig")

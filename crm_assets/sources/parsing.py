"""From the text of a CSV column to typed values: dates and numbers, never guessed row by row."""

from __future__ import annotations

import re
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from crm_assets.crm.schema import Column
from crm_assets.sources.rules import Rule

ISO = re.compile(r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})")
SLASHED = re.compile(r"(?P<month>\d{1,2})/(?P<day>\d{1,2})/(?P<year>\d{4})")
DATE_FORMATS = {"YYYY-MM-DD": ISO, "M/D/YYYY": SLASHED}
FIRST_YEAR, LAST_YEAR = 1900, 2200
# From it on a float skips whole numbers.
LARGEST_WHOLE = 2.0**53

Parsed = tuple[pa.Array, np.ndarray, Rule | None]


def parse_column(text: pa.Array, column: Column) -> Parsed:
    """Give a column its type.

    Args:
        text: shape (n,), strings; null where the file has nothing.
        column: the column.

    Returns:
        The typed values, the positions of those that are none, and the rule that they break.
    """
    if column.dtype == "date":
        return _parse_dates(text, column.name)
    if column.dtype in ("float64", "int64"):
        return _parse_numbers(text, column)
    return text, np.array([], dtype="int64"), None


def _parse_dates(text: pa.Array, name: str) -> Parsed:
    """One format for the whole column: the one that most of its values have."""
    encoded = text.dictionary_encode()
    values = encoded.dictionary.to_pylist()
    counts = np.bincount(encoded.indices.drop_null().to_numpy(zero_copy_only=False), minlength=len(values))
    fits = {
        form: sum(count for value, count in zip(values, counts, strict=True) if pattern.fullmatch(value))
        for form, pattern in DATE_FORMATS.items()
    }
    form = max(fits, key=lambda key: fits[key])
    days = [_day(DATE_FORMATS[form].fullmatch(value)) for value in values]
    typed = pa.array(days, pa.date32()).take(encoded.indices)
    wrong = pc.and_(pc.is_null(typed), pc.is_valid(text))
    what, remedy = "is no such date", f"write real dates, all of the column as {form}"
    if all(fits.values()):
        # Impossible dates in the column's own format are told once the formats agree.
        written = pa.array([DATE_FORMATS[form].fullmatch(value) is not None for value in values])
        wrong = pc.fill_null(pc.invert(written.take(encoded.indices)), False)
        what, remedy = (
            f"is not written as {form} like the rest of the column",
            f"write all of the column as {form}",
        )
    bad = np.flatnonzero(wrong.to_numpy(zero_copy_only=False))
    return typed, bad, Rule("date", name, pc.is_null, what, remedy)


def _day(match: re.Match[str] | None) -> date | None:
    if match is None or not FIRST_YEAR <= int(match["year"]) <= LAST_YEAR:
        return None
    try:
        return date(int(match["year"]), int(match["month"]), int(match["day"]))
    except ValueError:
        return None


def _parse_numbers(text: pa.Array, column: Column) -> Parsed:
    numbers = pd.to_numeric(text.to_pandas(), errors="coerce").to_numpy(dtype="float64")
    given = pc.is_valid(text).to_numpy(zero_copy_only=False)
    fine = np.isfinite(numbers)
    what, remedy = "is no number", "write plain digits, with a point before decimals"
    if column.dtype == "int64":
        whole = np.where(fine, numbers, 0)
        fine &= (whole == np.round(whole)) & (np.abs(whole) < LARGEST_WHOLE)
        what, remedy = "is no whole number", "write plain digits"
    values = pa.array(np.where(fine, numbers, 0), mask=~fine)
    typed = values.cast(pa.int64() if column.dtype == "int64" else pa.float64())
    return typed, np.flatnonzero(given & ~fine), Rule("number", column.name, pc.is_null, what, remedy)

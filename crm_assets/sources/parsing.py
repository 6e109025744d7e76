"""Turn the text of a CSV column into dates or numbers, with one format for the whole column."""

from __future__ import annotations

import re
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from crm_assets.crm.schema import SOURCE_ROW, Column, RawTable, as_given
from crm_assets.sources.faults import Fault

ISO = re.compile(r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})")
SLASHED = re.compile(r"(?P<month>\d{1,2})/(?P<day>\d{1,2})/(?P<year>\d{4})")
DATE_FORMATS = {"YYYY-MM-DD": ISO, "M/D/YYYY": SLASHED}
FIRST_YEAR, LAST_YEAR = 1970, 2200
# From here on, a float cannot hold every whole number.
LARGEST_WHOLE = 2.0**53

Parsed = tuple[pa.Array, list[Fault]]


def parse_table(text: pa.Table, table: RawTable) -> tuple[pa.Table, list[Fault]]:
    """Give the text of a raw table its types.

    Args:
        text: the columns of `table` that the file has, as strings, with the rows' numbers.
        table: the table.

    Returns:
        The typed table, null if a value is unreadable, without the optional columns that the file lacks;
        and the faults of the unreadable values.
    """
    columns, faults = {}, []
    given = table.having(text.column_names)
    for column in given.columns:
        if column.name == SOURCE_ROW.name:
            columns[column.name] = text[column.name]
        else:
            columns[column.name], found = parse_column(text[column.name].combine_chunks(), column)
            faults += found
    return pa.table(columns).cast(as_given(given.arrow, given.names)), faults


def parse_column(text: pa.Array, column: Column) -> Parsed:
    """Give a column its type.

    Args:
        text: shape (n,), strings; null if the file has no value.
        column: the column.

    Returns:
        The typed values, null if unreadable, and the faults of the unreadable values.
    """
    if column.dtype == "date":
        return _parse_dates(text, column.name)
    if column.dtype in ("float64", "int64"):
        return _parse_numbers(text, column)
    return text, []


def _parse_dates(text: pa.Array, name: str) -> Parsed:
    """Parse dates with one format for the whole column: the one that most of its values have."""
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
    wrong = pc.and_(pc.is_null(typed), pc.is_valid(text)).to_numpy(zero_copy_only=False)
    mixed = np.zeros_like(wrong)
    if all(fits.values()):
        written = pa.array([DATE_FORMATS[form].fullmatch(value) is not None for value in values])
        mixed = pc.fill_null(pc.invert(written.take(encoded.indices)), False).to_numpy(zero_copy_only=False)
    return typed, [
        # Formats first: if they differ, that is what is wrong with the column.
        *_fault(
            mixed,
            f"{name}_in_one_format",
            name,
            f"is not written as {form} like the rest of the column",
            f"write the whole column as {form}",
        ),
        *_fault(
            wrong & ~mixed,
            f"{name}_is_a_date",
            name,
            "cannot be read as a date",
            f"write real dates, the whole column as {form}",
        ),
    ]


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
    what, remedy = "cannot be read as a number", "write plain digits, with a point before decimals"
    if column.dtype == "int64":
        whole = np.where(fine, numbers, 0)
        fine &= (whole == np.round(whole)) & (np.abs(whole) < LARGEST_WHOLE)
        what, remedy = "cannot be read as a whole number", "write plain digits"
    values = pa.array(np.where(fine, numbers, 0), mask=~fine)
    typed = values.cast(pa.int64() if column.dtype == "int64" else pa.float64())
    return typed, _fault(given & ~fine, f"{column.name}_is_a_number", column.name, what, remedy)


def _fault(wrong: np.ndarray, rule: str, column: str, what: str, remedy: str) -> list[Fault]:
    """Return the fault of the wrong values, in a list that is empty if there are none."""
    positions = np.flatnonzero(wrong)
    return [Fault(rule, column, what, remedy, positions)] if len(positions) else []

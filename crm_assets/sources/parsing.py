"""Give the text of a raw table its types, with one way of writing for each whole column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crm_assets.crm.schema import SOURCE_ROW, Column, RawTable, as_given
from crm_assets.errors import BadInputError
from crm_assets.sources.dates import Dates, dates
from crm_assets.sources.faults import Fault, called
from crm_assets.sources.numbers import POINT, Numbers, numbers
from crm_assets.sources.text_table import AS_FOUND, Forms

# From here on, a float cannot hold every whole number.
LARGEST_WHOLE = 2.0**53

WRITE_DATES = "write it as YYYY-MM-DD, or say in the mapping how it is written"
WRITE_NUMBERS = "write plain digits with a point before decimals, or say in the mapping how it is written"


@dataclass(frozen=True)
class Parsed:
    """A raw table with its types.

    Attributes:
        rows: the typed table; null if a value is unreadable. Optional columns that the file lacks are left
            out.
        faults: the unreadable values.
        notes: what was decided about columns, in sentences.
    """

    rows: pa.Table
    faults: list[Fault]
    notes: list[str]


def parse_table(text: pa.Table, table: RawTable, file: str, forms: Forms = AS_FOUND) -> Parsed:
    """Give the text of a raw table its types.

    Args:
        text: the columns of `table` that the file has, as strings, with the rows' numbers.
        table: the table.
        file: the name of its file, for messages.
        forms: how dates and numbers are written, as far as somebody says so.

    Raises:
        BadInputError: nothing decides how a column is written, or it is written in two ways.
    """
    there = [column for column in table.columns if column.name in text.column_names]
    read = _dates(text, there, forms) | _numbers(text, there, forms)
    typed: dict[str, pa.Array | pa.ChunkedArray] = {}
    faults: list[Fault] = []
    notes: list[str] = []
    for column in table.having(text.column_names).columns:
        name, one = column.name, read.get(column.name)
        if one is None:
            typed[name] = text[name]
        else:
            if one.refused:
                remedy = WRITE_DATES if isinstance(one, Dates) else WRITE_NUMBERS
                raise BadInputError(f"{file}, column {called(text, name)}: {one.refused}; {remedy}.")
            if one.note:
                notes.append(f"{file}, column {called(text, name)}: {one.note}.")
            typed[name], found = _of_dates(one, name) if isinstance(one, Dates) else _of_numbers(one, column)
            faults += found
    return Parsed(pa.table(typed).cast(as_given(table.arrow, typed)), faults, notes)


def _dates(text: pa.Table, columns: list[Column], forms: Forms) -> dict[str, Dates | Numbers]:
    """Read the date columns; those that cannot decide by themselves follow the others of the file."""
    names = [column.name for column in columns if column.dtype == "date"]
    read = {name: _date_column(text[name], forms, None) for name in names}
    orders = {one.order for one in read.values()} - {None}
    if len(orders) == 1:
        (order,) = orders
        read |= {
            name: _date_column(text[name], forms, order) for name, one in read.items() if one.open_question
        }
    return dict(read)


def _date_column(column: pa.ChunkedArray, forms: Forms, order: str | None) -> Dates:
    """Read a date column; what is declared holds where it fits, since days and time stamps may differ."""
    if forms.dates is None:
        return dates(column, zone=forms.zone, order=order)
    order = "".join(sign for sign in dict.fromkeys(forms.dates) if sign in "DMY")
    found = dates(column, zone=forms.zone, order=order if order in ("DMY", "MDY") else None)
    declared = dates(column, declared=forms.dates, zone=forms.zone)
    return declared if declared.values.null_count <= found.values.null_count else found


def _numbers(text: pa.Table, columns: list[Column], forms: Forms) -> dict[str, Dates | Numbers]:
    """Read the number columns; those that cannot decide by themselves follow the others of the file."""
    names = [
        column.name for column in columns if column.dtype in ("float64", "int64") and column != SOURCE_ROW
    ]
    read = {name: _number_column(text[name], forms) for name in names}
    found = {one.form for one in read.values()} - {""}
    if len(found) == 1:
        (form,) = found
        read |= {name: numbers(text[name], form=form) for name, one in read.items() if one.open_question}
    return dict(read)


def _number_column(column: pa.ChunkedArray, forms: Forms) -> Numbers:
    """Read a number column; what is declared decides where its values do not."""
    return numbers(column, form=forms.numbers)


def _of_dates(read: Dates, name: str) -> tuple[pa.Array, list[Fault]]:
    form = read.form or "YYYY-MM-DD"
    return read.values, [
        # Formats first: if they differ, that is what is wrong with the column.
        *_fault(
            read.other_form,
            f"{name}_in_one_format",
            name,
            f"is not written as {form} like the rest of the column",
            f"write the whole column as {form}",
        ),
        *_fault(
            read.unreadable,
            f"{name}_is_a_date",
            name,
            "cannot be read as a date",
            f"write real dates, the whole column as {form}",
        ),
    ]


def _of_numbers(read: Numbers, column: Column) -> tuple[pa.Array, list[Fault]]:
    values, wrong = read.values, read.unreadable
    what, remedy = "cannot be read as a number", f"write numbers like {read.form or POINT}"
    if column.dtype == "int64":
        found = pc.fill_null(values, 0.5).to_numpy(zero_copy_only=False)
        whole = (found == np.round(found)) & (np.abs(found) < LARGEST_WHOLE)
        wrong = wrong | (~whole & pc.is_valid(values).to_numpy(zero_copy_only=False))
        values = pa.array(np.where(whole, found, 0), mask=~whole).cast(pa.int64())
        what, remedy = "cannot be read as a whole number", "write plain digits"
    return values, _fault(wrong, f"{column.name}_is_a_number", column.name, what, remedy)


def _fault(wrong: np.ndarray, rule: str, column: str, what: str, remedy: str) -> list[Fault]:
    """Return the fault of the wrong values, in a list that is empty if there are none."""
    positions = np.flatnonzero(wrong)
    return [Fault(rule, column, what, remedy, positions)] if len(positions) else []

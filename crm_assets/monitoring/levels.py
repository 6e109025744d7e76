"""Values as levels: what the values of a column are counted as, in all months alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from crm_assets.crm.schema import RAW_TABLES

MISSING, OTHER = "(missing)", "(other)"
# A column of numbers with no more values than this is counted by value; other numbers by bins.
MOST_VALUES = 20
# Bins of equal share in the reference: wide ones see a shift of everything, narrow ones a shift of a price.
BINS = 10
# The most frequent texts of all months together are counted one by one. Chosen by some of the months, those
# texts would be more frequent there than elsewhere by chance.
MOST_TEXTS = 300
# A column of texts with more values than this part of its rows names single rows: only whether it is there
# is counted.
NAMES_ROWS = 0.5
DIGITS = 6
# Who shares the values of a column, or what decides them.
BY_GROUP, BY_MONTH = "by group", "by month"
# The other dates of dated rows are compared as days until or since that date.
DATES = frozenset(column.name for table in RAW_TABLES for column in table.columns if column.dtype == "date")


# The levels, the position of each row's level by month, and whether each level is a value.
Coded = tuple[tuple[str, ...], dict[str, np.ndarray], bool]


@dataclass(frozen=True)
class Counted:
    """How often each level occurs in each month.

    Attributes:
        levels: the levels, in order; the last one is that of missing values.
        counts: one row per month, one column per level.
        codes: the position of each row's level, by month.
        by_value: whether each level is a value; else the levels are bins of numbers.
    """

    levels: tuple[str, ...]
    counts: np.ndarray
    codes: Mapping[str, np.ndarray]
    by_value: bool = True


def counted(values: Mapping[str, pd.Series], month: str, shared: str | None = None) -> Counted:
    """Count the values of a column.

    Args:
        values: the column by month.
        month: the month that is judged; the bins come from the other months.
        shared: `BY_GROUP` if rows of a group share their value, such as the win rate of an agent; if it
            changes, it does for all of them, so they count as few rows (Kish, Survey Sampling, 1965).
            `BY_MONTH` if a number that all rows share decides each value: they count as one.
    """
    is_number = all(_is_number(column) for column in values.values() if column.notna().any())
    levels, codes, by_value = _numbers(values, month) if is_number else _texts(values)
    counts = np.array([np.bincount(code, minlength=len(levels)) for code in codes.values()], dtype="float64")
    if shared:
        part = _independent if shared == BY_GROUP else lambda column: 1 / max(len(column), 1)
        counts = counts * float(np.median([part(column) for column in values.values()]))
    return Counted(levels, counts.reshape(len(values), len(levels)), codes, by_value)


def _independent(column: pd.Series) -> float:
    """Return as what part of its rows a column counts if equal values are one group's: n / sum(n_g^2)."""
    groups = column.value_counts().to_numpy(dtype="float64")
    return float(groups.sum() / (groups**2).sum()) if len(groups) else 1.0


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _texts(values: Mapping[str, pd.Series]) -> Coded:
    """Code texts and booleans: one level per frequent value."""
    found = {name: _Texts.of(column) for name, column in values.items()}
    counts: Counter[str] = Counter()
    for texts in found.values():
        counts.update(texts.counts)
    names_rows = len(counts) > max(MOST_VALUES, NAMES_ROWS * counts.total())
    kept = [] if names_rows else sorted(_most(counts, MOST_TEXTS))
    place = {level: number for number, level in enumerate(kept)}
    other, missing = len(kept), len(kept) + 1
    codes = {
        name: np.array([*(place.get(text, other) for text in texts.names), missing])[texts.numbers]
        for name, texts in found.items()
    }
    return (*kept, OTHER, MISSING), codes, True


@dataclass(frozen=True)
class _Texts:
    """The texts of a column.

    Attributes:
        numbers: the position of each row's text in `names`; -1 if it is missing.
        names: the texts.
        counts: how often each occurs.
    """

    numbers: np.ndarray
    names: list[str]
    counts: dict[str, int]

    @classmethod
    def of(cls, column: pd.Series) -> _Texts:
        numbers, found = pd.factorize(column)
        names = [str(text) for text in found]
        counts: Counter[str] = Counter()
        for name, count in zip(names, np.bincount(numbers[numbers >= 0], minlength=len(names)), strict=True):
            counts[name] += int(count)
        return cls(numbers, names, counts)


def _most(counts: Mapping[str, int], number: int) -> list[str]:
    """Return the most frequent values; of those that are equally frequent, the first by name."""
    return sorted(counts, key=lambda name: (-counts[name], name))[:number]


def _numbers(values: Mapping[str, pd.Series], month: str) -> Coded:
    """Code numbers: one level per value if there are few, else bins of equal share in the reference."""
    arrays = {
        name: column.to_numpy("float64", na_value=np.nan).round(DIGITS) for name, column in values.items()
    }
    before = [array for name, array in arrays.items() if name != month] or list(arrays.values())
    reference = np.concatenate(before)
    reference = reference[~np.isnan(reference)]
    found = np.unique(reference)
    now = np.unique(arrays[month][~np.isnan(arrays[month])])
    by_value = len(np.union1d(found, now)) <= MOST_VALUES
    if by_value:
        kept = np.union1d(found, now)
        names = [_said(value) for value in kept]

        def code(array: np.ndarray) -> np.ndarray:
            return np.searchsorted(kept, array)
    elif len(found) == 0:
        names, code = ["(a number)"], lambda array: np.zeros(len(array), dtype="int64")
    else:
        edges = np.unique(np.quantile(reference, np.linspace(0, 1, BINS + 1)[1:-1]))
        names = _bins(edges)

        def code(array: np.ndarray) -> np.ndarray:
            return np.searchsorted(edges, array, side="left")

    levels = (*names, MISSING)
    return (
        levels,
        {
            name: np.where(np.isnan(array), len(names), code(array)).astype("int64")
            for name, array in arrays.items()
        },
        by_value,
    )


def _bins(edges: np.ndarray) -> list[str]:
    """Return the words for the bins between edges; a bin includes its upper edge."""
    said = [_said(edge) for edge in edges]
    between = [f"{low} to {high}" for low, high in pairwise(said)]
    return [f"up to {said[0]}", *between, f"over {said[-1]}"]


def _said(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.4g}"


def unit_of(column: str, level: str, dated_by: str | None) -> str:
    """Return what follows a level in a sentence: from which date its days count, if it is a number of days.

    >>> unit_of("engage_date", "-65 to -38", "close_date"), unit_of("product", "Desk", "close_date")
    (' days from close_date', '')
    """
    return f" days from {dated_by}" if dated_by and column in DATES and level != MISSING else ""

"""Every way of writing no value, and every change of a value, is a level of its own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crm_assets.modeling.levels import sortings


def told_apart(column: pd.Series, a: list[int], b: list[int]) -> bool:
    """Whether some sorting puts exactly the rows a into other levels than the rows b."""
    for sorting in sortings(column):
        levels = np.array(sorting.names, dtype=object)[sorting.codes]
        if not set(levels[a]) & set(levels[b]):
            return True
    return False


@pytest.mark.parametrize(
    "spelling", ["Unknown", " n/a ", "N/A", "-", "TBD", "NONE", "null", "?", "not set", "Unassigned", "0", ""]
)
def test_a_placeholder_stands_with_the_missing_however_it_is_spelled(spelling: str) -> None:
    column = pd.Series([spelling, None, "TBC", *(f"Customer {n}" for n in range(300))], dtype=object)
    assert any(
        len(set(sorting.codes[:3])) == 1 and sorting.codes[0] not in sorting.codes[3:]
        for sorting in sortings(column)
    )


@pytest.mark.parametrize("spell", ["{} (customer)", "{}*", " {}", "{} GmbH", "Ü {}"])
def test_a_mark_on_many_rare_names_is_seen(spell: str) -> None:
    names = [f"Name {chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(400)]
    column = pd.Series([spell.format(name) if n % 2 else name for n, name in enumerate(names)], dtype=object)
    assert told_apart(column, list(range(0, 400, 2)), list(range(1, 400, 2)))


def test_capitals_and_round_numbers_are_seen() -> None:
    names = pd.Series(
        [f"Name {chr(97 + n)}" for n in range(20)] + [f"NAME {chr(97 + n)}".upper() for n in range(20)]
    )
    assert told_apart(names, list(range(20)), list(range(20, 40)))
    amounts = pd.Series([101.37 + n for n in range(20)] + [110.0 + 10 * n for n in range(9)])
    assert told_apart(amounts, list(range(20)), list(range(20, 29)))


def test_a_column_of_one_value_has_no_sorting() -> None:
    assert list(sortings(pd.Series(["a"] * 5))) == []
    assert list(sortings(pd.Series([np.nan] * 5))) == []


def test_order_and_type_of_the_rows_do_not_matter() -> None:
    column = pd.Series(["b", None, "a", "b", "Unknown", "c"] * 10, dtype=object)
    shuffled = column.sample(frac=1, random_state=1)
    for one, other in zip(sortings(column), sortings(shuffled), strict=True):
        assert one.names == other.names
        assert (one.codes[shuffled.index] == other.codes).all()

"""Which months a month is compared with: the preceding ones, and those at the same place in the quarter."""

from __future__ import annotations

from collections.abc import Sequence

from crm_assets.crm.months import month_of_quarter, shift

PRECEDING, SAME_PLACE = "preceding", "same place"
# How many months back a month is compared with, and how many of them are the preceding ones.
HISTORY, WINDOW = 12, 6
# Fewer preceding months say nothing.
LEAST_MONTHS = 3


def history(month: str) -> list[str]:
    """Return the months that a month is compared with, in order.

    >>> history("2017-03")[0], history("2017-03")[-1]
    ('2016-03', '2017-02')
    """
    return [shift(month, -back) for back in range(HISTORY, 0, -1)]


def references(month: str, known: Sequence[str]) -> dict[str, list[str]]:
    """Return the months of each reference that are known.

    >>> references("2017-06", ["2017-02", "2017-03", "2017-04", "2017-05"])["same place"]
    ['2017-03']
    """
    place = month_of_quarter(month)
    return {
        PRECEDING: [one for one in known if shift(month, -WINDOW) <= one < month],
        SAME_PLACE: [one for one in known if one < month and month_of_quarter(one) == place],
    }


def pairs_of(reference: str, month: str, known: list[str]) -> list[tuple[str, list[str]]]:
    """Return past months, each with the other months that it is compared with in the same way."""
    if reference == SAME_PLACE:
        place = month_of_quarter
        found = [(one, [m for m in known if m != one and place(m) == place(one)]) for one in known]
        return [(one, others) for one, others in found if others]
    months = references(month, known)[PRECEDING]
    around = [(one, [other for other in months if other != one]) for one in months]
    # A trend shows only against the months before.
    before = [(one, references(one, known)[PRECEDING]) for one in months]
    return around + [(one, others) for one, others in before if len(others) >= LEAST_MONTHS]

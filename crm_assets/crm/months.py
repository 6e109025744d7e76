"""Calendar months: keys, ends, arithmetic. A month is always the string 'YYYY-MM'."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

_KEY = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


def is_month(text: str) -> bool:
    """Return whether `text` is a month key.

    >>> is_month("2017-02"), is_month("2017-13"), is_month("Feb 2017")
    (True, False, False)
    """
    return _KEY.fullmatch(text) is not None


def month_of(day: date) -> str:
    """Return the month of `day`.

    >>> month_of(date(2017, 3, 31))
    '2017-03'
    """
    return f"{day:%Y-%m}"


def month_start(month: str) -> date:
    """Return the first day of `month`."""
    return date.fromisoformat(f"{month}-01")


def month_end(month: str) -> date:
    """Return the last day of `month`.

    >>> month_end("2016-02")
    datetime.date(2016, 2, 29)
    """
    first = month_start(month)
    return first.replace(day=calendar.monthrange(first.year, first.month)[1])


def shift(month: str, by: int) -> str:
    """Return the month `by` months after `month`, or before it if `by` is negative.

    >>> shift("2017-12", 1), shift("2017-01", -2)
    ('2018-01', '2016-11')
    """
    first = month_start(month)
    months = first.year * 12 + first.month - 1 + by
    return f"{months // 12:04d}-{months % 12 + 1:02d}"


def month_of_quarter(month: str) -> int:
    """Return the position of `month` in its calendar quarter, 1 to 3.

    >>> month_of_quarter("2017-04"), month_of_quarter("2017-12")
    (1, 3)
    """
    return (month_start(month).month - 1) % 3 + 1


@dataclass(frozen=True)
class MonthRange:
    """The months from `first` to `last`, both included."""

    first: str
    last: str

    def __iter__(self) -> Iterator[str]:
        month = self.first
        while month <= self.last:
            yield month
            month = shift(month, 1)

    def __contains__(self, month: object) -> bool:
        return isinstance(month, str) and self.first <= month <= self.last

"""Words for sales people that features share."""

from __future__ import annotations


def counted(number: float, thing: str) -> str:
    """Return a number with its noun.

    >>> counted(1, "day"), counted(1200, "deal")
    ('1 day', '1,200 deals')
    """
    return f"{number:,.0f} {thing}{'' if number == 1 else 's'}"


def percent(share: float) -> str:
    """Return a share in percent.

    >>> percent(0.31111)
    '31 %'
    """
    return f"{share:.0%}".replace("%", " %")

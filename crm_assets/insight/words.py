"""Reasons in the words of the features, each with a fact."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from crm_assets.crm.all_features import ALL_FEATURES
from crm_assets.crm.feature import NOTHING
from crm_assets.modeling.explanation import PUSHED_DOWN, PUSHED_UP

_FEATURES = {row.name: row for row in ALL_FEATURES}

# The record behind a name: it says more than the name alone.
RECORD_OF = {
    "sales_agent": "agent_win_rate",
    "product": "product_win_rate",
    "has_account": "account_win_rate",
}
UP, DOWN = "up", "down"


@dataclass(frozen=True)
class Reason:
    """Why a deal's probability is higher or lower than usual.

    Attributes:
        feature: the feature's name.
        direction: `up` or `down`.
        words: the value in words, for example `open for 57 days`.
        fact: what past deals say about the value, for example `agent wins 62 % of closed deals`; or None.
        contribution: how far it moves the score; in log-odds for most algorithms.
    """

    feature: str
    direction: str
    words: str
    fact: str | None
    contribution: float

    def __str__(self) -> str:
        """Return the words, with the fact in brackets."""
        return self.words if self.fact is None else f"{self.words} ({self.fact})"


def said(feature: str, value: str) -> str:
    """Return the words for the value of a feature; a feature that is unknown here speaks for itself.

    >>> said("days_open", "57"), said("horoscope", "good")
    ('open for 57 days', 'horoscope: good')
    """
    row = _FEATURES.get(feature)
    try:
        return f"{feature}: {value}" if row is None else row.said(value)
    except ValueError:
        return f"{feature}: {value}"


def reasons(
    deal: Mapping[str, Any], most: int = 3, features: Mapping[str, Any] | None = None
) -> list[Reason]:
    """Return the reasons of a stored prediction, strongest first.

    Args:
        deal: a row of `win_predictions`.
        most: how many reasons at most.
        features: the deal's row of `win_features`, for the facts; none without it.
    """
    found = [
        _reason(push, direction, features or {})
        for column, direction in ((PUSHED_UP, UP), (PUSHED_DOWN, DOWN))
        for push in _pushes(deal.get(column))
    ]
    return sorted(found, key=lambda reason: -abs(reason.contribution))[:most]


def _pushes(pushes: Iterable[Mapping[str, Any]] | None) -> list[Mapping[str, Any]]:
    return [] if pushes is None else list(pushes)


def _reason(push: Mapping[str, Any], direction: str, features: Mapping[str, Any]) -> Reason:
    name, value = str(push["feature"]), str(push["value"])
    record = RECORD_OF.get(name, "")
    known = features.get(record)
    # A missing value is not equal to itself.
    fact = said(record, str(known)) if value != NOTHING and known is not None and known == known else None
    return Reason(name, direction, said(name, value), fact, float(push["contribution"]))

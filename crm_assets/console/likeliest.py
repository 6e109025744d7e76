"""The most likely wins of a summary: which deals it lists, and what it leaves out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pandas as pd

from crm_assets.crm.months import month_end, month_of
from crm_assets.crm.targets import DEFAULT_TARGET
from crm_assets.modeling.forecast import TOTAL

LIKELIEST = 10
# Chances are shown in percent with one digit: chances that look the same tie.
SHOWN_DIGITS = 3


@dataclass(frozen=True)
class Likeliest:
    """The deals that a summary lists.

    Attributes:
        deals: rows of `win_predictions` with the column `chance`, rounded as shown; the likeliest first, and
            of deals that tie, the most valuable.
        month: the last month that the chances cover.
        horizon_months: how many months they cover.
        notes: what a reader must know to read the list, one sentence each.
    """

    deals: pd.DataFrame
    month: str
    horizon_months: int
    notes: list[str]


def likeliest(predictions: pd.DataFrame, forecast: pd.DataFrame, last_month: str) -> Likeliest:
    """Choose the deals that a summary lists, from the first horizon that brings enough wins.

    Args:
        predictions: `win_predictions` of a month.
        forecast: `revenue_forecast` of the same month.
        last_month: the month, `YYYY-MM`.
    """
    totals = forecast[forecast["level"] == TOTAL].sort_values("horizon_months")
    months, ahead = DEFAULT_TARGET.last_month(last_month), 1
    for row in totals.to_dict("records"):
        months, ahead = row["forecast_month"], int(row["horizon_months"])
        if row["expected_wins"] >= LIKELIEST:
            break
    column = "probability" if ahead == 1 else f"probability_{ahead}_months"
    ranked = predictions.assign(chance=predictions[column].round(SHOWN_DIGITS))
    # A deal that would show 0.0 % is no likely win.
    ranked = ranked[ranked["chance"] > 0].sort_values(
        ["chance", "expected_value", "opportunity_id"], ascending=[False, False, True]
    )
    shown = ranked.head(LIKELIEST)
    notes = []
    if ahead > 1:
        first = totals.iloc[0]
        notes.append(
            f"{first['forecast_month']} alone brings {first['expected_wins']:,.1f} wins from "
            f"{len(predictions):,} open deals, so the list looks further ahead."
        )
    if shown.empty:
        notes.append("No open deal has a chance of 0.1 % or more.")
    return Likeliest(shown, months, ahead, [*notes, *_ties(ranked, shown)])


@dataclass(frozen=True)
class WithinAMonth:
    """The likeliest wins as of a day.

    Attributes:
        deals: rows of `current_predictions` with the column `chance`, the likeliest first.
        month: the month by whose end they may be won.
        title: what the deals open that day add up to.
    """

    deals: pd.DataFrame
    month: str
    title: str


def within_a_month(current: pd.DataFrame, last_month: str) -> WithinAMonth | None:
    """Return the likeliest wins as of the day of `current_predictions`; None if it is a month's end.

    Args:
        current: `current_predictions`.
        last_month: the month whose end the rest of the summary is about, `YYYY-MM`.
    """
    if current.empty or current["as_of"].iloc[0] == f"{month_end(last_month)}":
        return None
    day = current["as_of"].iloc[0]
    month, column = month_of(date.fromisoformat(day)), "probability_this_month"
    if not current[column].sum():
        # On a month's last day nothing is left of it.
        month, column = DEFAULT_TARGET.last_month(month), "probability"
    ranked = current.assign(chance=current[column])
    ranked = ranked.sort_values(["chance", "opportunity_id"], ascending=[False, True])
    title = (
        f"As of {day}: {len(current):,} deals are open; {ranked['chance'].sum():,.0f} should be won by the "
        f"end of {month}"
    )
    return WithinAMonth(ranked.head(LIKELIEST), month, title)


def _ties(ranked: pd.DataFrame, shown: pd.DataFrame) -> list[str]:
    """Say how many deals tie with the last one of the list, if they do not all fit into it."""
    if len(ranked) == len(shown):
        return []
    last = shown["chance"].iloc[-1]
    tied = int((ranked["chance"] == last).sum())
    listed = int((shown["chance"] == last).sum())
    if tied == listed:
        return []
    which = "one" if listed == 1 else str(listed)
    return [
        f"{tied:,} deals tie at {last:.1%}; the list shows the most valuable {which}. Their order says "
        "nothing about their chance."
    ]

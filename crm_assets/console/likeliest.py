"""The most likely wins of a summary: which deals it lists, and what it leaves out."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

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

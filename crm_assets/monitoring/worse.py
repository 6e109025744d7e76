"""Which measures of a month were worse than chance and past errors explain: the evidence of alarms."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import NormalDist

import pandas as pd

from crm_assets.modeling.outlook.cells import TOTAL
from crm_assets.monitoring.alarm import Performance
from crm_assets.monitoring.tables import (
    BRIER,
    COVERED,
    ESTIMATE,
    MODEL,
    REVENUE,
    ROC_AUC,
    SEASON,
    WINS,
    of_horizon,
)

# A measure counts as worse if chance alone would put it so far out in one month of twenty.
CHANCE = 0.05
# Who said it, and whether below, above, or both sides of the interval are worse.
BELOW, ABOVE, BOTH = "below", "above", "both"
JUDGED = ((ROC_AUC, ESTIMATE, BELOW), (BRIER, ESTIMATE, ABOVE), (WINS, MODEL, BOTH), (REVENUE, MODEL, BOTH))
SEASON_IS_BETTER = "no better than the seasonal rate"


def performance(rows: pd.DataFrame) -> list[Performance]:
    """Return how each measure of each month turned out.

    ROC AUC and Brier score are held against what was estimated before the outcome was known, wins and revenue
    against the forecast. Each interval of 80 % is stretched until it holds all but `CHANCE`. A Brier score no
    better than that of the seasonal rate is worse, too, in a month with wins and deals that were not won.

    Args:
        rows: columns of `FORECAST_ACCURACY`, of any months. Only the forecast of one month counts: that of
            several would be judged by the same outcome again.

    Returns:
        One per month and measure that has an interval or a baseline.
    """
    rows = of_horizon(rows)
    totals = rows[rows["level"] == TOTAL]
    return [one for month, part in totals.groupby("forecast_month") for one in _of_month(str(month), part)]


def _of_month(month: str, rows: pd.DataFrame) -> Iterator[Performance]:
    by = {(row["measure"], row["by"]): row for row in rows.to_dict("records")}
    for measure, who, worse in JUDGED:
        row = by.get((measure, who))
        if row is None or pd.isna(row["lower"]) or pd.isna(row["came"]):
            continue
        low, high = stretched(row["said"], row["lower"], row["upper"], two_sided=worse == BOTH)
        below, above = row["came"] < low and worse != ABOVE, row["came"] > high and worse != BELOW
        shown = _count if worse == BOTH else _score
        said = f"{measure} {shown(row['came'])} where {shown(low)} to {shown(high)} was to expect"
        yield Performance(month, measure, bool(below or above), said)
    model, season = (by.get((BRIER, who)) for who in (MODEL, SEASON))
    # In a month without a win, a season of quarterly closings is exactly right, and nobody can be better.
    told = any(measure == ROC_AUC and not pd.isna(row["came"]) for (measure, _), row in by.items())
    if model and season and told:
        said = f"{BRIER} {_score(model['came'])}, {SEASON_IS_BETTER} ({_score(season['came'])})"
        yield Performance(month, SEASON, bool(model["came"] >= season["came"]), said)


def stretched(said: float, lower: float, upper: float, two_sided: bool) -> tuple[float, float]:
    """Return the ends of an interval that all but `CHANCE` of the outcomes stay within.

    Args:
        said: what was said.
        lower: lower end of the interval that holds `COVERED`.
        upper: its upper end.
        two_sided: whether both ends count, or one of them.
    """
    normal = NormalDist()
    wide = normal.inv_cdf(1 - CHANCE / (2 if two_sided else 1)) / normal.inv_cdf((1 + COVERED) / 2)
    return said - wide * (said - lower), said + wide * (upper - said)


def _score(value: float) -> str:
    return f"{value:.3f}"


def _count(value: float) -> str:
    # No fewer than nothing can be won.
    return f"{max(value, 0.0):,.0f}"

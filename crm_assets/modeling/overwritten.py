"""The third witness: dates that a CRM overwrites, so that a past month shows what happened after it."""

from __future__ import annotations

from typing import Any

import pandas as pd

from crm_assets.crm.months import month_end
from crm_assets.modeling.verdicts import MAX_PLANNED_FOR_THE_DAY, MAX_PLANS_MOVED

# Plans of when a deal closes. Many CRMs replace them by the day on which it did, and sellers move those that
# have passed.
PLANS = ("expected_close_date",)
# The last of several changes. Where it lies after a month, nobody knows the one before it; but then it says
# that something happened later, and so that the deal was alive.
LAST_CHANGES = ("stage_changed_date",)
FEWEST_DEALS = 20
# Plans of deals engaged within so many days before the horizon are taken to be as they were made.
RECENT_DAYS = 60
LONGEST_OF_RECENT = 0.99


def overwritten_dates(opportunities: pd.DataFrame, horizon: str) -> dict[str, str]:
    """Return the columns whose dates are overwritten, each with the evidence in words.

    Args:
        opportunities: `engage_date`, `close_date`, and the columns of `PLANS` and `LAST_CHANGES` that the CRM
            has.
        horizon: last month that the data covers; what closes after it has not closed.
    """
    end: Any = pd.Timestamp(month_end(horizon))
    engaged, closed = (pd.to_datetime(opportunities[name]) for name in ("engage_date", "close_date"))
    found = {
        name: "which keeps only the last change, and so tells of a past month which deals changed later"
        for name in LAST_CHANGES
        if name in opportunities.columns
    }
    for name in PLANS:
        if name in opportunities.columns:
            planned = pd.to_datetime(opportunities[name])
            reason = _replaced(planned, closed, end) or _moved(planned, engaged, closed, end)
            found |= {name: reason} if reason else {}
    return found


def _replaced(planned: pd.Series, closed: pd.Series, end: pd.Timestamp) -> str:
    """Say that closing replaces the plan: it is the day of closing more often than plans come true."""
    happened = closed.le(end)
    share = float(planned[happened].eq(closed[happened]).mean())
    if happened.sum() < FEWEST_DEALS or share <= MAX_PLANNED_FOR_THE_DAY:
        return ""
    return f"which is the very day of closing for {share:.0%} of the closed deals"


def _moved(planned: pd.Series, engaged: pd.Series, closed: pd.Series, end: pd.Timestamp) -> str:
    """Say that sellers move the plans of open deals: old ones plan longer than deals do when they begin."""
    length, age = (planned - engaged).dt.days, (end - engaged).dt.days
    recent = length[age.between(0, RECENT_DAYS)].dropna()
    if len(recent) < FEWEST_DEALS:
        return ""
    longest = recent.quantile(LONGEST_OF_RECENT)
    old = length[~closed.le(end) & age.gt(longest)].dropna()
    share = float(old.gt(longest).mean())
    if len(old) < FEWEST_DEALS or share <= MAX_PLANS_MOVED:
        return ""
    return (
        f"which sellers move: {share:.0%} of the old open deals plan to close more than {longest:,.0f} days "
        "after they were engaged, and almost none of the recent deals does"
    )

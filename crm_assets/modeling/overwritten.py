"""The third witness: dates that a CRM overwrites, so that a past month shows what happened after it."""

from __future__ import annotations

import pandas as pd

from crm_assets.crm.months import month_end
from crm_assets.modeling.verdicts import MAX_PLANNED_FOR_THE_DAY

# Plans of when a deal closes. Many CRMs replace them by the day on which it did.
PLANS = ("expected_close_date",)
# The last of several changes. Where it lies after a month, nobody knows the one before it; but then it says
# that something happened later, and so that the deal was alive.
LAST_CHANGES = ("stage_changed_date",)
FEWEST_CLOSED = 20


def overwritten_dates(opportunities: pd.DataFrame, horizon: str) -> dict[str, str]:
    """Return the columns whose dates are overwritten, each with the evidence in words.

    Args:
        opportunities: `close_date`, and the columns of `PLANS` and `LAST_CHANGES` that the CRM has.
        horizon: last month that the data covers; what closes after it has not closed.
    """
    closed = pd.to_datetime(opportunities["close_date"])
    happened = closed.le(pd.Timestamp(month_end(horizon)))
    found = {
        name: "which keeps only the last change, and so tells of a past month which deals changed later"
        for name in LAST_CHANGES
        if name in opportunities.columns
    }
    for name in PLANS:
        if name not in opportunities.columns or happened.sum() < FEWEST_CLOSED:
            continue
        share = float(pd.to_datetime(opportunities[name])[happened].eq(closed[happened]).mean())
        if share > MAX_PLANNED_FOR_THE_DAY:
            found[name] = f"which is the very day of closing for {share:.0%} of the closed deals"
    return found

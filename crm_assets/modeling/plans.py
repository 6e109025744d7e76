"""The third witness: planned dates that the CRM replaces by the date of what happened."""

from __future__ import annotations

import pandas as pd

from crm_assets.crm.months import month_end
from crm_assets.modeling.verdicts import MAX_PLANNED_FOR_THE_DAY

# The columns that plan when a deal closes.
PLANS = ("expected_close_date",)
FEWEST_CLOSED = 20


def planned_for_the_day(opportunities: pd.DataFrame, horizon: str) -> dict[str, str]:
    """Return the plans that are overwritten at closing, each with the evidence in words.

    Args:
        opportunities: `close_date`, and the columns of `PLANS` that the CRM has.
        horizon: last month that the data covers; what closes after it has not closed.
    """
    closed = pd.to_datetime(opportunities["close_date"])
    happened = closed.le(pd.Timestamp(month_end(horizon)))
    found = {}
    for name in PLANS:
        if name not in opportunities.columns or happened.sum() < FEWEST_CLOSED:
            continue
        share = float(pd.to_datetime(opportunities[name])[happened].eq(closed[happened]).mean())
        if share > MAX_PLANNED_FOR_THE_DAY:
            found[name] = f"which is the very day of closing for {share:.0%} of the closed deals"
    return found

"""The totals of a forecast for a scope."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from crm_assets.insight.scope import Scope
from crm_assets.modeling.outlook.cells import TOTAL

BY = ["snapshot_month", "horizon_months", "forecast_month"]


def headline(forecast: pd.DataFrame, scope: Scope) -> pd.DataFrame:
    """Return one row per horizon: the totals of all deals that the scope shows.

    Intervals of several names do not add up, so a scope of several names has none.

    Args:
        forecast: columns of `crm.tables.REVENUE_FORECAST`, within the scope.
        scope: the scope.
    """
    level = TOTAL if scope.everything else scope.level.value
    rows = forecast[forecast["level"] == level].sort_values("horizon_months", ignore_index=True)
    if rows.empty or not rows.duplicated(BY).any():
        return rows
    numbers = [name for name in rows.select_dtypes("number") if name != "horizon_months"]
    sums = rows.groupby(BY, as_index=False)[numbers].sum()
    ends = [name for name in numbers if name.endswith(("_low", "_high"))]
    return sums.assign(**dict.fromkeys(ends, float("nan")))


def sentence(row: Mapping[Any, Any] | pd.Series, currency: str) -> str:
    """Return a row of a forecast in words.

    >>> row = {"total_wins": 245.2, "total_revenue": 576_587.0, "expected_wins": 1.1, "new_wins": 244.1}
    >>> sentence(row | {"open_deals": 1589, "forecast_month": "2018-01"}, "USD")
    '245 wins and 576,587 USD in 2018-01: 1 from 1,589 open deals, 244 from deals not open yet'
    """
    return (
        f"{row['total_wins']:,.0f} wins and {row['total_revenue']:,.0f} {currency} "
        f"in {row['forecast_month']}: {row['expected_wins']:,.0f} from {row['open_deals']:,} open deals, "
        f"{row['new_wins']:,.0f} from deals not open yet"
    )

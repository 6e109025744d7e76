"""Quotas beside the forecast: how much of them is expected, and how far open deals cover them."""

from __future__ import annotations

import pandas as pd

from crm_assets.crm.months import is_month
from crm_assets.crm.schema import RAW_QUOTAS
from crm_assets.insight.reading import Reader


def quotas(reader: Reader) -> pd.DataFrame:
    """Return the quotas of the names that the scope shows; none if there is no file.

    Returns:
        Columns `month`, `name`, `quota`.
    """
    if not reader.store.has(RAW_QUOTAS.name):
        return pd.DataFrame(columns=pd.Index(["month", "name", "quota"]))
    rows = reader.store.to_pandas(reader.store.read(RAW_QUOTAS.name))[["month", "name", "quota"]]
    # A list of no booleans would select no columns instead of no rows.
    rows = rows[rows["month"].map(is_month).astype(bool)]
    if reader.scope.everything:
        return rows.reset_index(drop=True)
    team = reader.team()
    if reader.scope.level.value not in team:
        return rows.head(0)
    inside = team[team[reader.scope.level.value].isin(reader.scope.names)]
    names = {*reader.scope.names, *inside.get("sales_agent", pd.Series(dtype=object)).dropna()}
    return rows[rows["name"].isin(names)].reset_index(drop=True)


def with_quotas(reader: Reader, forecast: pd.DataFrame, month: str) -> pd.DataFrame:
    """Add `quota`, `attainment` and `coverage` to rows of a forecast of agents, managers or offices.

    `quota` is the sum over the months of the row's horizon, null if one of them has none. `attainment` is the
    expected revenue over the quota; `coverage` is what all open deals would bring if they were won, over the
    quota.

    Args:
        reader: the stored tables, in somebody's scope.
        forecast: columns of `crm.tables.REVENUE_FORECAST`, one level.
        month: the snapshot month.
    """
    known = quotas(reader)
    if known.empty or forecast.empty:
        return forecast
    level = str(forecast["level"].iloc[0])
    deals = reader.predictions(month)
    if level not in deals:
        return forecast
    pipeline = deals.groupby(level)["expected_value"].sum()
    by_name = known.groupby(["name", "month"])["quota"].sum()
    found = [
        _quota(by_name, row["name"], month, row["forecast_month"], int(row["horizon_months"]))
        for row in forecast.to_dict("records")
    ]
    quota = pd.Series(found, index=forecast.index, dtype="float64")
    quota = quota.where(quota > 0)
    return forecast.assign(
        quota=quota,
        attainment=forecast["total_revenue"] / quota,
        coverage=forecast["name"].map(pipeline).fillna(0.0) / quota,
    )


def _quota(by_name: pd.Series, name: str, month: str, last: str, months: int) -> float | None:
    if name not in by_name.index.get_level_values(0):
        return None
    own = by_name.loc[name]
    covered = own[(own.index > month) & (own.index <= last)]
    return float(covered.sum()) if len(covered) == months else None

"""What was forecast and what came of it, month by month, with the bias by level."""

from __future__ import annotations

import pandas as pd

from crm_assets.crm.months import shift
from crm_assets.crm.schema import Stage
from crm_assets.crm.targets import DEFAULT_TARGET
from crm_assets.insight.reading import Reader
from crm_assets.modeling.outlook.cells import TOTAL

MEASURES = ("wins", "revenue")


def said_and_came(reader: Reader, level: str = TOTAL) -> pd.DataFrame:
    """Return the forecast of each month for the next one beside what was won then.

    Months whose outcome is not known yet are left out. What came is read from the newest snapshot, as far as
    the reader's scope shows it.

    Args:
        reader: the stored tables, in somebody's scope.
        level: `total`, or a level of `revenue_forecast`.

    Returns:
        One row per month and name: `forecast_month`, `name`, `expected_wins`, `actual_wins`,
        `expected_revenue`, `actual_revenue`, and the ends of the forecast's intervals.

    Raises:
        StorageError: a table is missing or damaged.
    """
    months = reader.months()
    if not months:
        return pd.DataFrame()
    last = months[-1]
    won = reader.snapshot(last, ("stage", "close_date", "close_value", level))
    won = won[won["stage"] == Stage.WON.value]
    won = won.assign(
        forecast_month=pd.to_datetime(won["close_date"]).dt.strftime("%Y-%m"),
        name=won.get(level, ""),
    )
    came = won.groupby(["forecast_month", "name"], dropna=False).agg(
        actual_wins=("stage", "size"), actual_revenue=("close_value", "sum")
    )
    said = [_said(reader, month, level) for month in months if shift(month, 1) <= last]
    rows = pd.concat(said, ignore_index=True) if said else pd.DataFrame()
    if rows.empty:
        return rows
    rows = rows.merge(came.reset_index(), how="left", on=["forecast_month", "name"])
    actual = ["actual_wins", "actual_revenue"]
    rows[actual] = rows[actual].fillna(0)
    return rows


def _said(reader: Reader, month: str, level: str) -> pd.DataFrame:
    forecast = reader.forecast(month)
    if level == TOTAL:
        level = TOTAL if reader.scope.everything else reader.scope.level.value
        rows = forecast[(forecast["level"] == level) & (forecast["horizon_months"] == DEFAULT_TARGET.months)]
        if reader.scope.everything or len(rows) == 1:
            return _named(rows.assign(name=""))
        # The intervals of several names do not add up.
        sums = rows.assign(name="").groupby(["forecast_month", "name"], as_index=False)
        return _named(sums[["total_wins", "total_revenue"]].sum())
    rows = forecast[(forecast["level"] == level) & (forecast["horizon_months"] == DEFAULT_TARGET.months)]
    return _named(rows)


def _named(rows: pd.DataFrame) -> pd.DataFrame:
    ends = [f"{measure}{end}" for measure in MEASURES for end in ("", "_low", "_high")]
    totals = rows.reindex(columns=["forecast_month", "name", *(f"total_{end}" for end in ends)])
    return totals.rename(columns={f"total_{end}": f"expected_{end}" for end in ends})


def bias(rows: pd.DataFrame) -> pd.DataFrame:
    """Return by name how much more was forecast than came, over all months.

    Args:
        rows: what `said_and_came` returns for a level.

    Returns:
        Columns `name`, `months`, the sums of what was expected and of what came, and `bias_wins` and
        `bias_revenue`: (expected - actual) / actual, null if nothing came.
    """
    if rows.empty:
        return rows
    sums = rows.groupby("name", as_index=False).agg(
        months=("forecast_month", "nunique"),
        **{f"{kind}_{m}": (f"{kind}_{m}", "sum") for m in MEASURES for kind in ("expected", "actual")},
    )
    for measure in MEASURES:
        actual = sums[f"actual_{measure}"]
        sums[f"bias_{measure}"] = (sums[f"expected_{measure}"] - actual) / actual.where(actual > 0)
    return sums

"""The table `forecast_accuracy` as people read it: a row per month, per name, or per one who said it."""

from __future__ import annotations

import pandas as pd

from crm_assets.crm.targets import DEFAULT_TARGET, TARGETS
from crm_assets.modeling.outlook.cells import TOTAL
from crm_assets.monitoring.tables import (
    BRIER,
    ECE,
    ESTIMATE,
    MODEL,
    REVENUE,
    ROC_AUC,
    SEASON,
    WIN_RATE,
    WINS,
    of_horizon,
)

TOO_FEW = "too few months"


def by_month(rows: pd.DataFrame, ahead: int = DEFAULT_TARGET.months) -> pd.DataFrame:
    """Return one row per month: the wins and the revenue that were said, and that came, in total.

    Args:
        rows: columns of `FORECAST_ACCURACY`, of one or more months.
        ahead: how many months were forecast together; `month` is the last of them.
    """
    totals = _totals(rows, ahead)
    table = pd.DataFrame(index=_months(totals))
    for measure in (WINS, REVENUE):
        own = _one(totals, measure, MODEL).reindex(table.index)
        table[f"{measure} said"] = own["said"].round()
        ends = zip(own["lower"], own["upper"], strict=True)
        table[f"{measure} 80 %"] = [
            TOO_FEW if pd.isna(low) else f"{low:,.0f} to {high:,.0f}" for low, high in ends
        ]
        table[f"{measure} came"] = own["came"].round()
        table[f"{measure} last quarter"] = _one(totals, measure, SEASON)["said"].round()
    table["stored"] = totals.groupby("forecast_month")["stored"].first()
    return table.reset_index()


def quality_by_month(rows: pd.DataFrame, ahead: int = DEFAULT_TARGET.months) -> pd.DataFrame:
    """Return one row per month: how good the predictions were, and how good they were estimated to be.

    Args:
        rows: columns of `FORECAST_ACCURACY`, of one or more months.
        ahead: how many months were forecast together.
    """
    totals = _totals(rows, ahead)
    table = pd.DataFrame(index=_months(totals))
    table["open deals"] = _one(totals, ROC_AUC, MODEL)["deals"]
    table["ROC AUC estimated"] = _one(totals, ROC_AUC, ESTIMATE)["said"]
    table["ROC AUC came"] = _one(totals, ROC_AUC, MODEL)["came"]
    table["Brier estimated"] = _one(totals, BRIER, ESTIMATE)["said"]
    table["Brier came"] = _one(totals, BRIER, MODEL)["came"]
    table["Brier of the season"] = _one(totals, BRIER, SEASON)["came"]
    table["calibration error"] = _one(totals, ECE, MODEL)["came"]
    return table.reset_index()


def over_several_months(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row per month and longer horizon: what was said about these months together, and what came.

    Args:
        rows: columns of `FORECAST_ACCURACY`, of one or more months.
    """
    longer = [target.months for target in TARGETS if target != DEFAULT_TARGET]
    parts = [
        both.assign(months=ahead)
        for ahead in longer
        if len(both := by_month(rows, ahead).merge(quality_by_month(rows, ahead), on="month"))
    ]
    if not parts:
        return pd.DataFrame()
    shown = pd.concat(parts, ignore_index=True).dropna(axis="columns", how="all")
    return shown.sort_values(["month", "months"], ignore_index=True)


def with_currency(table: pd.DataFrame, currency: str) -> pd.DataFrame:
    """Return a table of this module with the currency in the titles of its revenue columns.

    >>> list(with_currency(pd.DataFrame(columns=["month", "wins said", "revenue said"]), "EUR"))
    ['month', 'wins said', 'revenue said (EUR)']
    """
    return table.rename(columns=lambda name: f"{name} ({currency})" if name.startswith(REVENUE) else name)


def figures(rows: pd.DataFrame) -> dict[str, float]:
    """Return the figures of one month by name: those that the UI draws over the months."""
    both = by_month(rows).merge(quality_by_month(rows), on="month")
    (month,) = both.select_dtypes("number").to_dict("records")
    return {str(name): round(float(value), 4) for name, value in month.items() if not pd.isna(value)}


def _totals(rows: pd.DataFrame, ahead: int = DEFAULT_TARGET.months) -> pd.DataFrame:
    own = of_horizon(rows, ahead)
    return own[own["level"] == TOTAL]


def _months(totals: pd.DataFrame) -> pd.Index:
    return pd.Index(sorted(set(totals["forecast_month"])), name="month")


def others(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what each who said something about a month said, beside what came: totals and CRM categories.

    Args:
        rows: columns of `FORECAST_ACCURACY`, of one month.
    """
    rows = of_horizon(rows)
    shown = rows[(rows["level"] == TOTAL) | ((rows["measure"] == WIN_RATE) & (rows["by"] != MODEL))]
    columns = ["measure", "by", "name", "said", "lower", "upper", "came", "deals"]
    return shown.sort_values(["measure", "by", "name"])[columns]


def bias(rows: pd.DataFrame, level: str) -> pd.DataFrame:
    """Return by name how much more was forecast than came, over all months, the largest first.

    Args:
        rows: columns of `FORECAST_ACCURACY`, of one or more months.
        level: a level of `revenue_forecast`.

    Returns:
        `name`, `months`, and of wins and revenue the sums of `said` and `came` and the bias in percent,
        (said - came) / came, null if nothing came.
    """
    rows = of_horizon(rows)
    own = rows[(rows["level"] == level) & (rows["by"] == MODEL)].dropna(subset="said")
    parts = {}
    for measure in (WINS, REVENUE):
        sums = own[own["measure"] == measure].groupby("name")[["said", "came"]].sum()
        share = 100 * (sums["said"] - sums["came"]) / sums["came"].where(sums["came"] > 0)
        parts |= {
            f"{measure} said": sums["said"].round(),
            f"{measure} came": sums["came"],
            f"bias of {measure} (%)": share.round(1),
        }
    table = pd.DataFrame(parts).sort_values(f"{REVENUE} came", ascending=False)
    months = own.groupby("name")["forecast_month"].nunique()
    return table.assign(months=months).rename_axis("name").reset_index()


def _one(totals: pd.DataFrame, measure: str, by: str) -> pd.DataFrame:
    """Return the rows of one measure and one who said it, by month."""
    return totals[(totals["measure"] == measure) & (totals["by"] == by)].set_index("forecast_month")

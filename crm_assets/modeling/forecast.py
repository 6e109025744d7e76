"""From probabilities to revenue: the value of a deal if won, and what will be sold in total and by level."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from crm_assets.crm.months import shift
from crm_assets.crm.schema import Stage
from crm_assets.crm.tables import REVENUE_FORECAST
from crm_assets.crm.targets import TARGETS, Target
from crm_assets.modeling.outlook import past
from crm_assets.modeling.outlook.cells import TOTAL, Cells
from crm_assets.modeling.outlook.history import LEVELS, History
from crm_assets.modeling.outlook.intervals import interval
from crm_assets.modeling.outlook.past import MEASURES, OpenDeals
from crm_assets.modeling.outlook.walk import Walk, column_of
from crm_assets.modeling.training_rows import DEAL

__all__ = ("LEVELS", "TOTAL", "expected_values", "revenue_forecast", "without_price")

# What the value of an open deal is estimated from, the best first.
BASES = ("amount", "list_price")
OVERALL = "overall"
# How the columns of `revenue_forecast` call the parts of a forecast.
PARTS = {past.OPEN: "expected", past.NEW: "new", past.TOTAL: "total"}


def expected_values(snapshot: ir.Table) -> ir.Table:
    """Return the revenue of each open deal if it is won.

    It is the deal's amount times the usual ratio of value to amount. A deal without an amount above 0 counts
    with the list price of its product times the usual ratio of value to price, and a deal without either with
    what the product's won deals fetched on average. Ratios and averages come from the product's deals won as
    of the month, or from all won deals if the product has none. A ratio is 1 if no deal is won yet. Won deals
    whose value is unknown have no say.

    Args:
        snapshot: columns of `crm.tables.MONTHLY_SNAPSHOTS`.

    Returns:
        One row per open deal: `opportunity_id`, `account` if the CRM has accounts, `expected_value`.
    """
    return values_of(snapshot.filter(snapshot.stage == Stage.ENGAGING.value), usual_values(snapshot))


def usual_values(snapshot: ir.Table) -> dict[str, ir.Table]:
    """Return what won deals fetched: of each `product`, if the CRM has products, and `overall`, one row.

    Args:
        snapshot: columns of `crm.tables.MONTHLY_SNAPSHOTS`.
    """
    won = snapshot.filter(snapshot.stage == Stage.WON.value).drop_null("close_value")
    bases = [name for name in BASES if name in snapshot.columns]
    parts: dict[str, Any] = {
        "fetched": won.close_value.mean(),
        **{f"{name}_ratio": _ratio(won, name) for name in bases},
    }
    known = {"product": won.group_by("product").agg(**parts)} if "product" in snapshot.columns else {}
    return known | {OVERALL: won.agg(**{f"overall_{name}": part for name, part in parts.items()})}


def values_of(deals: Any, known: Mapping[str, ir.Table]) -> ir.Table:
    """Return the revenue of open deals if they are won; see `expected_values`.

    Args:
        deals: columns of `crm.tables.MONTHLY_SNAPSHOTS`.
        known: the `usual_values` of the month.
    """
    bases = [name for name in BASES if name in deals.columns]
    if "product" in known:
        deals = deals.left_join(known["product"], "product")
    deals = deals.cross_join(known[OVERALL])

    def usual(part: str, otherwise: float) -> ir.Value:
        known = [deals[name] for name in (part, f"overall_{part}") if name in deals.columns]
        return ibis.coalesce(*known, otherwise)

    value = usual("fetched", 0.0)
    for name in reversed(bases):
        value = ibis.ifelse(deals[name] > 0, deals[name] * usual(f"{name}_ratio", 1.0), value)
    shown = [name for name in ("opportunity_id", "account") if name in deals.columns]
    return deals.select(*shown, expected_value=value).order_by("opportunity_id")


def without_price(snapshot: ir.Table) -> ir.Table:
    """Return the open deals that have neither an amount nor a list price above 0.

    Args:
        snapshot: columns of `crm.tables.MONTHLY_SNAPSHOTS`.
    """
    deals: Any = snapshot.filter(snapshot.stage == Stage.ENGAGING.value)
    bases = [name for name in BASES if name in snapshot.columns]
    return deals.filter([~(deals[name] > 0).fill_null(False) for name in bases]) if bases else deals


def revenue_forecast(
    predictions: pd.DataFrame,
    snapshot: pd.DataFrame,
    month: str,
    features: list[str],
    memo: dict[Any, Any] | None = None,
) -> pd.DataFrame:
    """Forecast wins and revenue by horizon: of open deals, of deals not open yet, and in total.

    Args:
        predictions: columns of `crm.tables.WIN_PREDICTIONS`, one month.
        snapshot: `outlook.history.COLUMNS` of `monthly_snapshots`, the same month.
        month: `YYYY-MM`.
        features: the features that may be used.
        memo: see `outlook.walk.Walk`.

    Returns:
        Columns of `crm.tables.REVENUE_FORECAST`: by horizon, the total first, then by level and name. It
        leaves out a horizon without probabilities; empty without predictions.
    """
    columns = REVENUE_FORECAST.names
    if predictions.empty:
        return pd.DataFrame(columns=pd.Index(columns))
    history = History.of(snapshot, month)
    walk, cells = Walk(history, features, memo), Cells(history)
    shorter: dict[str, np.ndarray] = {}
    found = [
        _of_target(walk, cells, target, predictions, shorter)
        for target in TARGETS
        if predictions[column_of(target)].notna().all()
    ]
    return pd.concat(found, ignore_index=True)[columns]


def _of_target(
    walk: Walk, cells: Cells, target: Target, predictions: pd.DataFrame, shorter: dict[str, np.ndarray]
) -> pd.DataFrame:
    """Return the rows of a target, none of whose numbers is below that of a shorter horizon.

    Args:
        walk: gives the chances of open deals.
        cells: what to sum up by.
        target: the target.
        predictions: columns of `crm.tables.WIN_PREDICTIONS`.
        shorter: the numbers of the next shorter horizon by column, which those of this one replace.
    """
    month, ahead = walk.history.month, target.months
    deals = _open_deals(walk.history, predictions, column_of(target))
    *earlier, now = past.forecasts(walk, cells, ahead, deals)
    past.at_least(cells, now, {m: shorter[f"new_{m}"] for m in MEASURES} if shorter else None)
    known = [row for row in earlier if shift(row.month, ahead) <= month]
    table = cells.table.assign(
        snapshot_month=month,
        forecast_month=target.last_month(month),
        horizon_months=ahead,
        open_deals=cells.sums(deals.places).astype("int64"),
    )
    for part, name in PARTS.items():
        for measure in MEASURES:
            shorter[f"{name}_{measure}"] = table[f"{name}_{measure}"] = now.mean[part, measure]
            bounds = interval(cells, now, known, part, measure)
            for end, place in (("low", 0), ("high", 1)):
                column = f"{name}_{measure}_{end}"
                least = shorter.get(column, 0.0)
                table[column] = np.nan if bounds is None else np.maximum(bounds[place], least)
                if bounds is not None:
                    shorter[column] = table[column].to_numpy()
    return table[(table["open_deals"] > 0) | (table["total_wins"] > 0)]


def _open_deals(history: History, predictions: pd.DataFrame, column: str) -> OpenDeals:
    place = pd.Series(np.arange(len(history.deals)), index=history.deals[DEAL].to_numpy())
    return OpenDeals(
        place.loc[predictions[DEAL].tolist()].to_numpy(),
        predictions[column].to_numpy(dtype="float64"),
        predictions["expected_value"].to_numpy(dtype="float64"),
    )


def _ratio(won: ir.Table, base: str) -> ir.FloatingValue:
    """Return value over amount, or over price, of the won deals that have one."""
    there = won[base] > 0
    return won.close_value.sum(where=there) / won[base].sum(where=there).nullif(0)

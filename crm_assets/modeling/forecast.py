"""From probabilities to revenue: the value of a deal if won, and what will be sold in total and by level."""

from __future__ import annotations

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

__all__ = ("LEVELS", "TOTAL", "expected_values", "revenue_forecast")

# How the columns of `revenue_forecast` call the parts of a forecast.
PARTS = {past.OPEN: "expected", past.NEW: "new", past.TOTAL: "total"}


def expected_values(snapshot: ir.Table) -> ir.Table:
    """Return the revenue of each open deal if it is won: list price times the usual ratio of value to price.

    The ratio comes from the product's deals won as of the month, or from all won deals if the product has
    none. It is 1 if no deal is won yet. A product without a list price, or with a price of 0, counts with
    what its won deals fetched on average; if it has none, with the average of all won deals. Won deals whose
    value is unknown have no say.

    Args:
        snapshot: columns of `crm.tables.MONTHLY_SNAPSHOTS`.

    Returns:
        One row per open deal: `opportunity_id`, `account`, `expected_value` (USD).
    """
    won = snapshot.filter(snapshot.stage == Stage.WON.value).drop_null("close_value")
    by_product = won.group_by("product").agg(ratio=_ratio(won), fetched=won.close_value.mean())
    overall = won.agg(overall_ratio=_ratio(won), overall_fetched=won.close_value.mean())
    deals = snapshot.filter(snapshot.stage == Stage.ENGAGING.value)
    deals = deals.left_join(by_product, "product").cross_join(overall)
    value = ibis.ifelse(
        deals.list_price > 0,
        deals.list_price * ibis.coalesce(deals.ratio, deals.overall_ratio, 1.0),
        ibis.coalesce(deals.fetched, deals.overall_fetched, 0.0),
    )
    return deals.select("opportunity_id", "account", expected_value=value).order_by("opportunity_id")


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
        Columns of `crm.tables.REVENUE_FORECAST`: by horizon, the total first, then by level and name. Empty
        without predictions.
    """
    columns = REVENUE_FORECAST.names
    if predictions.empty:
        return pd.DataFrame(columns=pd.Index(columns))
    history = History.of(snapshot, month)
    walk, cells = Walk(history, features, memo), Cells(history)
    found = [_of_target(walk, cells, target, predictions) for target in TARGETS]
    return pd.concat(found, ignore_index=True)[columns]


def _of_target(walk: Walk, cells: Cells, target: Target, predictions: pd.DataFrame) -> pd.DataFrame:
    month, ahead = walk.history.month, target.months
    deals = _open_deals(walk.history, predictions, column_of(target))
    *earlier, now = past.forecasts(walk, cells, ahead, deals)
    known = [row for row in earlier if shift(row.month, ahead) <= month]
    table = cells.table.assign(
        snapshot_month=month,
        forecast_month=target.last_month(month),
        horizon_months=ahead,
        open_deals=cells.sums(deals.places).astype("int64"),
    )
    for part, name in PARTS.items():
        for measure in MEASURES:
            table[f"{name}_{measure}"] = now.mean[part, measure]
            bounds = interval(cells, now, known, part, measure)
            for end, place in (("low", 0), ("high", 1)):
                table[f"{name}_{measure}_{end}"] = np.nan if bounds is None else bounds[place]
    return table[(table["open_deals"] > 0) | (table["total_wins"] > 0)]


def _open_deals(history: History, predictions: pd.DataFrame, column: str) -> OpenDeals:
    place = pd.Series(np.arange(len(history.deals)), index=history.deals[DEAL].to_numpy())
    return OpenDeals(
        place.loc[predictions[DEAL].tolist()].to_numpy(),
        predictions[column].to_numpy(dtype="float64"),
        predictions["expected_value"].to_numpy(dtype="float64"),
    )


def _ratio(won: ir.Table) -> ir.FloatingValue:
    priced = won.list_price > 0
    return won.close_value.sum(where=priced) / won.list_price.sum(where=priced).nullif(0)

"""From probabilities to revenue: the value of a deal if won, and totals by agent, office and product."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import pandas as pd

from crm_assets.crm.schema import Stage
from crm_assets.crm.tables import REVENUE_FORECAST
from crm_assets.crm.targets import DEFAULT_TARGET, Target

LEVELS = ("sales_agent", "manager", "regional_office", "product")
TOTAL = "total"


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


def revenue_forecast(predictions: pd.DataFrame, month: str, target: Target = DEFAULT_TARGET) -> pd.DataFrame:
    """Add up the predictions of one month, in total and by each of `LEVELS`.

    Args:
        predictions: columns of `crm.tables.WIN_PREDICTIONS`.
        month: the snapshot month, `YYYY-MM`.
        target: the target of the probabilities; the forecast is for the last of its months.

    Returns:
        Columns of `crm.tables.REVENUE_FORECAST`: the total first, then by level and name.
    """
    parts = [_sums(predictions.assign(total="all deals"), TOTAL)] if len(predictions) else []
    parts += [_sums(predictions, level) for level in LEVELS if len(predictions)]
    columns = REVENUE_FORECAST.names
    if not parts:
        return pd.DataFrame(columns=pd.Index(columns))
    forecast = pd.concat(parts, ignore_index=True)
    return forecast.assign(snapshot_month=month, forecast_month=target.last_month(month))[columns]


def _ratio(won: ir.Table) -> ir.FloatingValue:
    priced = won.list_price > 0
    return won.close_value.sum(where=priced) / won.list_price.sum(where=priced).nullif(0)


def _sums(predictions: pd.DataFrame, level: str) -> pd.DataFrame:
    sums = predictions.groupby(level, dropna=False, sort=True).agg(
        open_deals=("opportunity_id", "size"),
        expected_wins=("probability", "sum"),
        expected_revenue=("expected_revenue", "sum"),
    )
    return sums.rename_axis("name").reset_index().assign(level=level)

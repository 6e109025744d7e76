"""From probabilities to revenue: the value of a deal if won, and totals by agent, office and product."""

from __future__ import annotations

from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from crm_assets.crm.schema import Stage
from crm_assets.crm.tables import REVENUE_FORECAST
from crm_assets.crm.targets import DEFAULT_TARGET, Target

LEVELS = ("sales_agent", "manager", "regional_office", "product")
TOTAL = "total"
# What the value of an open deal is estimated from, the best first.
BASES = ("amount", "list_price")


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
    won = snapshot.filter(snapshot.stage == Stage.WON.value).drop_null("close_value")
    deals: Any = snapshot.filter(snapshot.stage == Stage.ENGAGING.value)
    bases = [name for name in BASES if name in snapshot.columns]
    parts: dict[str, Any] = {
        "fetched": won.close_value.mean(),
        **{f"{name}_ratio": _ratio(won, name) for name in bases},
    }
    if "product" in snapshot.columns:
        deals = deals.left_join(won.group_by("product").agg(**parts), "product")
    deals = deals.cross_join(won.agg(**{f"overall_{name}": part for name, part in parts.items()}))

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


def revenue_forecast(predictions: pd.DataFrame, month: str, target: Target = DEFAULT_TARGET) -> pd.DataFrame:
    """Add up the predictions of one month, in total and by each of `LEVELS` that the CRM has.

    Args:
        predictions: columns of `crm.tables.WIN_PREDICTIONS`.
        month: the snapshot month, `YYYY-MM`.
        target: the target of the probabilities; the forecast is for the last of its months.

    Returns:
        Columns of `crm.tables.REVENUE_FORECAST`: the total first, then by level and name.
    """
    parts = [_sums(predictions.assign(total="all deals"), TOTAL)] if len(predictions) else []
    there = [level for level in LEVELS if level in predictions.columns]
    parts += [_sums(predictions, level) for level in there if len(predictions)]
    columns = REVENUE_FORECAST.names
    if not parts:
        return pd.DataFrame(columns=pd.Index(columns))
    forecast = pd.concat(parts, ignore_index=True)
    return forecast.assign(snapshot_month=month, forecast_month=target.last_month(month))[columns]


def _ratio(won: ir.Table, base: str) -> ir.FloatingValue:
    """Return value over amount, or over price, of the won deals that have one."""
    there = won[base] > 0
    return won.close_value.sum(where=there) / won[base].sum(where=there).nullif(0)


def _sums(predictions: pd.DataFrame, level: str) -> pd.DataFrame:
    sums = predictions.groupby(level, dropna=False, sort=True).agg(
        open_deals=("opportunity_id", "size"),
        expected_wins=("probability", "sum"),
        expected_revenue=("expected_revenue", "sum"),
    )
    return sums.rename_axis("name").reset_index().assign(level=level)

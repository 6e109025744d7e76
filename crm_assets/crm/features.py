"""The features of open deals, one query for all months, and the labels."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import ibis
import ibis.expr.types as ir

from crm_assets.crm.as_of import MONTH, as_of
from crm_assets.crm.deals import MONTHLY_SNAPSHOTS, OPPORTUNITY_ID
from crm_assets.crm.feature_table import FEATURES
from crm_assets.crm.monthly import MonthlyQuery
from crm_assets.crm.schema import Stage
from crm_assets.crm.snapshots import month_rows
from crm_assets.crm.tables import WIN_FEATURES
from crm_assets.crm.targets import TARGETS, Target

KEY = [MONTH, OPPORTUNITY_ID.name]
MONTH_END = "month_end"


def monthly_features(opportunities: ir.Table, months: Iterable[str], horizon: str) -> MonthlyQuery:
    """Return the query that makes the features and labels of some months from their stored snapshots.

    Args:
        opportunities: columns of `crm.deals.OPPORTUNITIES`; for the labels only.
        months: `YYYY-MM` each.
        horizon: last month that the data covers completely.
    """
    return MonthlyQuery(month_rows(months, horizon), partial(win_features, opportunities), MONTHLY_SNAPSHOTS)


def win_features(opportunities: ir.Table, months: ir.Table, snapshots: ir.Table) -> ir.Table:
    """Return the features of every deal that is open at the end of each month, and its labels.

    The features see the snapshots alone. The labels are the only columns that look ahead, into
    `opportunities`.

    Args:
        opportunities: columns of `crm.deals.OPPORTUNITIES`; for the labels only.
        months: columns of `crm.deals.MONTHS`.
        snapshots: columns of `crm.deals.MONTHLY_SNAPSHOTS`, of these months alone.

    Returns:
        Columns of `crm.tables.WIN_FEATURES`, sorted by month and `opportunity_id`.
    """
    known = as_of(snapshots, months)
    deals = known.deal.select(
        *KEY,
        MONTH_END,
        *(until(target) for target in TARGETS),
        **{feature.name: feature.expression(known) for feature in FEATURES},
    )
    return labeled(deals, opportunities, months).select(WIN_FEATURES.names).order_by(KEY)


def labeled(deals: ir.Table, opportunities: ir.Table, months: ir.Table) -> ir.Table:
    """Add the label of every target: 1 or 0, null where its months are not over yet.

    Args:
        deals: at least `opportunity_id`, and of the calendar the month's end and each target's last day.
        opportunities: columns of `crm.deals.OPPORTUNITIES`.
        months: columns of `crm.deals.MONTHS`.
    """
    ends = [months[until(target)].max() for target in TARGETS]
    window = months.agg(
        first=months[MONTH_END].min(), last=ibis.greatest(*ends) if len(ends) > 1 else ends[0]
    )
    # Join the wins of these months alone: they are a few of all deals, which saves a third of the time.
    won = opportunities.filter(opportunities.stage == Stage.WON.value).cross_join(window)
    wins = won.filter(won.close_date > won.first, won.close_date <= won.last)
    won_on = f"{OPPORTUNITY_ID.name}_won"
    found = deals.left_join(
        wins.select(OPPORTUNITY_ID.name, "close_date"), OPPORTUNITY_ID.name, rname="{name}_won"
    )
    return found.drop(won_on).mutate(**{target.name: _label(found, target) for target in TARGETS})


def _label(deals: ir.Table, target: Target) -> ir.IntegerValue:
    last, won_on = deals[until(target)], deals.close_date
    in_time = (won_on > deals[MONTH_END]) & (won_on <= last)
    return ibis.cases((last.isnull(), ibis.null("int64")), (in_time, ibis.literal(1, "int64")), else_=0)


def until(target: Target) -> str:
    """Return the calendar's column of the last day that decides a target."""
    return f"{target.name}_until"

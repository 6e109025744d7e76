"""The features and labels of open deals, in one query for all months."""

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


def monthly_features(opportunities: ir.Table, months: Iterable[str], horizon: str) -> MonthlyQuery:
    """Return the query for the features and labels of some months, from their stored snapshots.

    Args:
        opportunities: columns of `crm.deals.OPPORTUNITIES`; only labels use them.
        months: `YYYY-MM` each.
        horizon: last month that the data covers completely.
    """
    return MonthlyQuery(month_rows(months, horizon), partial(win_features, opportunities), MONTHLY_SNAPSHOTS)


def win_features(opportunities: ir.Table, months: ir.Table, snapshots: ir.Table) -> ir.Table:
    """Return features and labels of every deal that is open at the end of each month.

    Features use only the snapshots. Labels are the only columns that look ahead, into `opportunities`.

    Args:
        opportunities: columns of `crm.deals.OPPORTUNITIES`; only labels use them.
        months: columns of `crm.deals.MONTHS`.
        snapshots: columns of `crm.deals.MONTHLY_SNAPSHOTS`, only of these months.

    Returns:
        Columns of `crm.tables.WIN_FEATURES`, sorted by month and `opportunity_id`.
    """
    known = as_of(snapshots, months)
    deals = known.deal.select(
        *KEY,
        *(until(target) for target in TARGETS),
        **{feature.name: feature.expression(known) for feature in FEATURES},
    )
    return labeled(deals, opportunities, months).select(WIN_FEATURES.names).order_by(KEY)


def labeled(deals: ir.Table, opportunities: ir.Table, months: ir.Table) -> ir.Table:
    """Add the label of every target: 1 or 0, null if its months are not over yet.

    Args:
        deals: at least `snapshot_month`, `opportunity_id`, and the calendar's last day of each target.
        opportunities: columns of `crm.deals.OPPORTUNITIES`.
        months: columns of `crm.deals.MONTHS`.
    """
    won = opportunities.filter(opportunities.stage == Stage.WON.value)
    labels = {}
    for target in TARGETS:
        in_time = (won.close_date > months.month_end) & (won.close_date <= months[until(target)])
        wins = won.join(months, in_time).select(won=_one_key(months, won))
        # Looking up deals among the wins takes half as long as a join.
        is_won = _one_key(deals, deals).isin(wins.won)
        unknown = (deals[until(target)].isnull(), ibis.null("int64"))
        labels[target.name] = ibis.cases(unknown, (is_won, ibis.literal(1, "int64")), else_=0)
    return deals.mutate(**labels)


def _one_key(months: ir.Table, deals: ir.Table) -> ir.StringValue:
    return months[MONTH].concat(deals[OPPORTUNITY_ID.name])


def until(target: Target) -> str:
    """Return the name of the calendar column with the last day that decides a target."""
    return f"{target.name}_until"

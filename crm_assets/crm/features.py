"""The features and labels of open deals, in one query for all months."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

import ibis
import ibis.expr.types as ir

from crm_assets.crm.as_of import MONTH, AsOf, as_of
from crm_assets.crm.deal_feature_table import DEAL_FEATURES
from crm_assets.crm.deals import MONTHLY_SNAPSHOTS, OPPORTUNITY_ID
from crm_assets.crm.feature import Feature
from crm_assets.crm.feature_table import FEATURES
from crm_assets.crm.monthly import MonthlyQuery
from crm_assets.crm.schema import Stage
from crm_assets.crm.snapshots import month_rows
from crm_assets.crm.tables import DEAL_FEATURES_TABLE, WIN_FEATURES
from crm_assets.crm.targets import TARGETS, Target

KEY = [MONTH, OPPORTUNITY_ID.name]


def monthly_features(opportunities: ir.Table, months: Iterable[str], horizon: str) -> MonthlyQuery:
    """Return the query for the features and labels of some months, from their stored snapshots.

    Args:
        opportunities: columns of `crm.deals.OPPORTUNITIES`; only labels use them.
        months: `YYYY-MM` each.
        horizon: last month that the data covers completely.
    """
    stored = MONTHLY_SNAPSHOTS.having(opportunities.columns)
    return MonthlyQuery(month_rows(months, horizon), partial(win_features, opportunities), stored)


def monthly_deal_features(opportunities: ir.Table, months: Iterable[str]) -> MonthlyQuery:
    """Return the query for the features beyond those of `win_features`, from the stored snapshots.

    Args:
        opportunities: says which columns the snapshots have.
        months: `YYYY-MM` each.
    """
    return MonthlyQuery(month_rows(months), deal_features, MONTHLY_SNAPSHOTS.having(opportunities.columns))


def win_features(opportunities: ir.Table, months: ir.Table, snapshots: ir.Table) -> ir.Table:
    """Return features and labels of every deal that is open at the end of each month.

    Features use only the snapshots; those whose columns the CRM does not have are left out. Labels are the
    only columns that look ahead, into `opportunities`.

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
        **_available(FEATURES, known, snapshots),
    )
    columns = WIN_FEATURES.having(deals.columns).names
    return labeled(deals, opportunities, months).select(columns).order_by(KEY)


def deal_features(months: ir.Table, snapshots: ir.Table) -> ir.Table:
    """Return the features beyond the 23, of every deal that is open at the end of each month.

    Args:
        months: columns of `crm.deals.MONTHS`.
        snapshots: columns of `crm.deals.MONTHLY_SNAPSHOTS`, only of these months.

    Returns:
        Columns of `crm.tables.DEAL_FEATURES_TABLE`, sorted by month and `opportunity_id`; no rows if the CRM
        has nothing that one of these features is made from.
    """
    known = as_of(snapshots, months)
    features = _available(DEAL_FEATURES, known, snapshots)
    deals = known.deal.select(*KEY, **features)
    deals = deals if features else deals.limit(0)
    return deals.select(DEAL_FEATURES_TABLE.having(deals.columns).names).order_by(KEY)


def deals_with_features(deals: ir.Table, months: ir.Table, known: Mapping[str, ir.Table]) -> ir.Table:
    """Return all features of open deals that the stored aggregates of their month do not count.

    They are the same expressions as in `win_features` and `deal_features`.

    Args:
        deals: columns of `crm.deals.MONTHLY_SNAPSHOTS`.
        months: columns of `crm.deals.MONTHS`.
        known: the `as_of.aggregates` of the months.

    Returns:
        `snapshot_month`, `opportunity_id`, and a column for each feature that can be computed.
    """
    there = as_of(deals, months, known)
    return there.deal.select(*KEY, **_available((*FEATURES, *DEAL_FEATURES), there, deals))


def _available(features: Iterable[Feature], known: AsOf, snapshots: ir.Table) -> dict[str, ir.Value]:
    return {row.name: row.expression(known) for row in features if row.available(snapshots.columns)}


def with_deal_features(features: ir.Table, deal_features: ir.Table) -> ir.Table:
    """Join the features beyond the 23 to rows of `win_features`.

    Args:
        features: columns of `crm.tables.WIN_FEATURES`.
        deal_features: columns of `crm.tables.DEAL_FEATURES_TABLE`.
    """
    more = [name for name in deal_features.columns if name not in KEY]
    if not more:
        return features
    joined = features.left_join(deal_features, KEY, rname="{name}_of_deal")
    return joined.select(*features.columns, *more)


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

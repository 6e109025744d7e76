"""The features of open deals, each an expression over one month's snapshot, and their label."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
from ibis import _

from crm_assets.crm.months import month_end, month_of, month_of_quarter, month_start, shift
from crm_assets.crm.schema import CLOSED_STAGES, Stage
from crm_assets.crm.tables import WIN_FEATURES

# Pseudo-deals at the base rate that every smoothed win rate starts from.
SMOOTHING_DEALS = 20


def win_features(snapshot: ir.Table, opportunities: ir.Table, month: str, horizon: str) -> ir.Table:
    """The 23 features of every deal open at the end of `month`, and its label.

    The features see the snapshot alone. The label is the only column that looks one month ahead,
    into `opportunities`.

    Args:
        snapshot: the month's snapshot, columns of `crm.tables.MONTHLY_SNAPSHOTS`.
        opportunities: columns of `crm.tables.OPPORTUNITIES`; for the label only.
        month: `YYYY-MM`.
        horizon: last month that the data covers completely.

    Returns:
        Columns of `crm.tables.WIN_FEATURES`, sorted by `opportunity_id`.
    """
    deals = won_next_month(_features(snapshot, month), opportunities, month, horizon)
    return deals.select(WIN_FEATURES.names).order_by("opportunity_id")


def won_next_month(deals: ir.Table, opportunities: ir.Table, month: str, horizon: str) -> ir.Table:
    """The deals with their label: 1 or 0, null where the next month is not over yet."""
    next_month = shift(month, 1)
    if next_month > horizon:
        return deals.mutate(won_next_month=ibis.null("int64"))
    # The wins alone are joined: a thirtieth of all deals, which at millions is a third of the time.
    wins = opportunities.filter(
        opportunities.stage == Stage.WON.value,
        opportunities.close_date.between(month_start(next_month), month_end(next_month)),
    ).select("opportunity_id", won_next_month=ibis.literal(1, "int64"))
    return deals.left_join(wins, "opportunity_id").mutate(won_next_month=_.won_next_month.fill_null(0))


def _features(snapshot: ir.Table, month: str) -> ir.Table:
    end = month_end(month)
    table = snapshot.filter(snapshot.stage == Stage.ENGAGING.value)
    table = table.cross_join(_totals(snapshot))
    for who in ("sales_agent", "product", "account"):
        table = table.left_join(_record(snapshot, who), who).drop(f"{who}_right")
    days_open = ibis.date(end.year, end.month, end.day).delta(table.engage_date, unit="day").cast("int64")
    return table.mutate(
        account_age_years=(end.year - table.account_year_established).cast("float64"),
        is_subsidiary=table.account_parent.notnull(),
        has_account=table.account.notnull(),
        days_open=days_open,
        engage_day_of_week=table.engage_date.day_of_week.index().cast("int64"),
        month_of_quarter=ibis.literal(month_of_quarter(shift(month_of(end), 1)), "int64"),
        days_open_vs_median_cycle=days_open / table.median_cycle.nullif(0),
        agent_win_rate=_smoothed(table, "sales_agent"),
        agent_closed_deals=table.sales_agent_closed,
        agent_open_deals=table.sales_agent_open,
        product_win_rate=_smoothed(table, "product"),
        product_open_deals=table.product_open,
        account_win_rate=_smoothed(table, "account"),
        account_closed_deals=table.account_closed,
    )


def _totals(snapshot: ir.Table) -> ir.Table:
    """One row: base win rate and median cycle (days) of all deals closed as of the month."""
    closed = snapshot.filter(snapshot.stage.isin([stage.value for stage in CLOSED_STAGES]))
    return closed.agg(
        base_rate=(closed.stage == Stage.WON.value).cast("float64").mean(),
        median_cycle=closed.close_date.delta(closed.engage_date, unit="day").quantile(0.5),
    )


def _record(snapshot: ir.Table, who: str) -> ir.Table:
    """Wins, closed and open deals by `who`, as of the month."""
    known = snapshot.filter(snapshot[who].notnull())
    # By stage first: comparing a stage of each of a few groups is nothing, of each deal it is half the time.
    by_stage = known.group_by([who, "stage"]).agg(deals=known.count())

    def deals(*stages: Stage) -> ir.IntegerScalar:
        return by_stage.stage.isin([stage.value for stage in stages]).ifelse(by_stage.deals, 0).sum()

    return by_stage.group_by(who).agg(
        **{
            f"{who}_wins": deals(Stage.WON),
            f"{who}_closed": deals(*CLOSED_STAGES),
            f"{who}_open": deals(Stage.ENGAGING),
        }
    )


def _smoothed(table: ir.Table, who: str) -> ir.FloatingValue:
    wins, closed = table[f"{who}_wins"], table[f"{who}_closed"]
    return (wins + SMOOTHING_DEALS * table.base_rate) / (closed + SMOOTHING_DEALS)

"""The data that features may use: open deals of each month, and what was known of all deals by then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ibis.expr.types as ir

from crm_assets.crm.deals import SNAPSHOT_MONTH
from crm_assets.crm.schema import CLOSED_STAGES, Stage

# Every smoothed win rate starts from this many pseudo-deals at the base rate.
SMOOTHING_DEALS = 20
# The columns whose records features may use.
RECORDS = ("sales_agent", "product", "account")
TOTALS = "totals"

MONTH = SNAPSHOT_MONTH.name


@dataclass(frozen=True)
class Record:
    """The record of a deal's agent, product or account, as of the month; null if the deal has none.

    Attributes:
        wins: number of its deals that were won.
        closed: number of its deals that were won or lost.
        open: number of its deals that are open, including this one.
        base_rate: the win rate of all deals.
    """

    wins: ir.IntegerValue
    closed: ir.IntegerValue
    open: ir.IntegerValue
    base_rate: ir.FloatingValue

    @property
    def win_rate(self) -> ir.NumericValue:
        """Wins over closed deals, smoothed: (wins + 20 x base rate) / (closed + 20)."""
        return (self.wins + SMOOTHING_DEALS * self.base_rate) / (self.closed + SMOOTHING_DEALS)


@dataclass(frozen=True)
class AsOf:
    """The deals open at each month's end, one row per month and deal.

    Attributes:
        deal: columns of `crm.deals.MONTHLY_SNAPSHOTS`.
        month: columns of `crm.deals.MONTHS`.
        base_rate: win rate of all deals closed as of the month; null while no deal is closed.
        median_cycle: median days from engaging to closing of the same deals; null if it is 0.
    """

    deal: ir.Table
    month: ir.Table
    base_rate: ir.FloatingValue
    median_cycle: ir.FloatingValue

    @property
    def days_open(self) -> ir.IntegerValue:
        """Days from the engage date to the month's end."""
        return self.days_since(self.deal.engage_date)

    def days_since(self, day: ir.DateValue) -> ir.IntegerValue:
        """Return the days from a date to the month's end; negative if the date is later."""
        return self.month.month_end.delta(day, unit="day").cast("int64")

    def record_of(self, who: str) -> Record:
        """Return the record of a deal's agent, product or account; `who` is one of `RECORDS`.

        Raises:
            AttributeError: the CRM does not have that column.
        """
        wins, closed, still_open = (self.deal[f"{who}_{part}"] for part in ("wins", "closed", "open"))
        return Record(wins, closed, still_open, self.base_rate)


def aggregates(snapshots: ir.Table) -> dict[str, ir.Table]:
    """Return what was known of all deals as of each month: `totals`, and a table for each of `RECORDS`.

    Args:
        snapshots: columns of `crm.deals.MONTHLY_SNAPSHOTS`.
    """
    there = [who for who in RECORDS if who in snapshots.columns]
    return {TOTALS: _totals(snapshots)} | {who: _record(snapshots, who) for who in there}


def as_of(snapshots: ir.Table, months: ir.Table, known: Mapping[str, ir.Table] | None = None) -> AsOf:
    """Return the data that features of some months may use.

    Args:
        snapshots: columns of `crm.deals.MONTHLY_SNAPSHOTS`, only of these months.
        months: columns of `crm.deals.MONTHS`.
        known: the `aggregates` of the same months, if the deals are not those that they were counted from.
    """
    deals: Any = snapshots.filter(snapshots.stage == Stage.ENGAGING.value)
    looked_up = {"month": (months, [MONTH])}
    for name, table in (aggregates(snapshots) if known is None else known).items():
        looked_up[name] = (table, [MONTH] if name == TOTALS else [MONTH, name])
    # One chain of joins without projections: each projection would have to be compiled and planned.
    for name, (table, keys) in looked_up.items():
        deals = deals.left_join(table, keys, rname=f"{{name}}_of_{name}")
    return AsOf(deals, deals, deals.base_rate, deals.median_cycle.nullif(0))


def _totals(snapshots: ir.Table) -> ir.Table:
    """Return base win rate and median cycle (days) of the deals closed as of each month, if any."""
    # Only closed deals have a close date, and comparing dates is faster than comparing stages.
    closed = snapshots.filter(snapshots.close_date.notnull())
    return closed.group_by(MONTH).agg(
        base_rate=(closed.stage == Stage.WON.value).cast("float64").mean(),
        median_cycle=closed.close_date.delta(closed.engage_date, unit="day").quantile(0.5),
    )


def _record(snapshots: ir.Table, who: str) -> ir.Table:
    """Return wins, closed and open deals by `who`, as of each month."""
    known = snapshots.filter(snapshots[who].notnull())
    # Aggregate by stage first: comparing stages per deal takes half of the run time.
    by_stage: Any = known.group_by([MONTH, who, "stage"]).agg(deals=known.count())

    def deals(*stages: Stage) -> ir.IntegerScalar:
        return by_stage.stage.isin([stage.value for stage in stages]).ifelse(by_stage.deals, 0).sum()

    return by_stage.group_by([MONTH, who]).agg(
        **{
            f"{who}_wins": deals(Stage.WON),
            f"{who}_closed": deals(*CLOSED_STAGES),
            f"{who}_open": deals(Stage.ENGAGING),
        }
    )

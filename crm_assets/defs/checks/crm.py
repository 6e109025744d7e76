"""The gates of cleaned deals: every reference exists, dates are in order, known defects are repaired."""

from __future__ import annotations

from collections.abc import Callable

import ibis
import ibis.expr.types as ir

from crm_assets.crm import horizon
from crm_assets.crm.cleaning import SECTOR_SPELLINGS
from crm_assets.crm.contract import contract
from crm_assets.crm.months import month_end
from crm_assets.crm.rules import Between, InSet, IsNull, NotInSet, NotLess, NotNull, Of, Read, Where
from crm_assets.crm.schema import (
    CLOSED_STAGES,
    RAW_ACCOUNTS,
    RAW_PRODUCTS,
    RAW_SALES_TEAMS,
    RawTable,
    Stage,
)
from crm_assets.crm.tables import OPPORTUNITIES
from crm_assets.defs.checks.suite import Suite

CLOSED = Where("stage", tuple(CLOSED_STAGES))
OPEN = Where("stage", (Stage.PROSPECTING, Stage.ENGAGING))

# If the newest event is older than this at the end of the last month, the data was not refreshed.
STALE_DAYS = 7


def _listed(name: str, column: str, table: RawTable) -> InSet:
    """Report names that their table does not list: such a deal is used, without what the table would say."""
    return InSet(name=name, column=column, values=Of(table.name, column), severity="should")


DEALS = Suite(
    OPPORTUNITIES,
    (
        *contract(OPPORTUNITIES),
        InSet(name="stage_known", column="stage", values=tuple(Stage)),
        _listed("product_in_products", "product", RAW_PRODUCTS),
        _listed("agent_in_sales_teams", "sales_agent", RAW_SALES_TEAMS),
        _listed("account_in_accounts", "account", RAW_ACCOUNTS),
        NotInSet(name="sector_spelled_right", column="sector", values=tuple(SECTOR_SPELLINGS)),
        Between(name="list_price_not_negative", column="list_price", low=0),
        NotNull(name="closed_deals_have_close_date", column="close_date", where=CLOSED),
        IsNull(name="open_deals_have_no_close_date", column="close_date", where=OPEN),
        NotLess(name="engaged_not_before_created", column="engage_date", than="created_date"),
        NotLess(name="close_not_before_engage", column="close_date", than="engage_date"),
        Between(name="close_value_not_negative", column="close_value", low=0),
        InSet(
            name="created_date_source_known",
            column="created_date_source",
            values=("engage_date", "created_date", "close_date", "simulated"),
        ),
    ),
)


def newest_event(last_month: Callable[[], str]) -> Suite:
    """Return the suite that checks whether the deals reach the end of the graph's last month.

    Args:
        last_month: returns the last month as of the call, since a live graph grows with the calendar.
    """

    def derive(table: ir.Table, read: Read) -> ir.Table:
        latest = horizon.newest_event(table)
        end = month_end(last_month())
        quiet = ibis.date(end.year, end.month, end.day).delta(latest, unit="day")
        return table.agg(newest_event=latest, days_without_event=quiet)

    rule = Between(name="data_is_fresh", column="days_without_event", high=STALE_DAYS, severity="should")
    return Suite(OPPORTUNITIES, (rule,), key=("newest_event",), derive=derive, scored=False)

"""Cleaning: unify the spelling of names and sectors, and join deals with product, agent and account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ibis
import ibis.expr.types as ir

from crm_assets.crm.months import month_start
from crm_assets.crm.names import meant
from crm_assets.crm.schema import (
    RAW_ACCOUNTS,
    RAW_PRODUCTS,
    RAW_SALES_PIPELINE,
    RAW_SALES_TEAMS,
    Stage,
)
from crm_assets.crm.tables import OPPORTUNITIES

SECTOR_SPELLINGS = {"technolgy": "technology"}

# Prospecting deals have no date: their simulated day is in the first 15 months of the data.
SIMULATED_DAYS = 455

# The columns of the raw tables that have another name in a deal.
RENAMED = {
    "product_series": "series",
    "list_price": "sales_price",
    "account_revenue": "revenue",
    "account_employees": "employees",
    "account_year_established": "year_established",
    "account_parent": "subsidiary_of",
}
# The tables that a deal refers to by their keys, in the order of the joins.
LOOKUPS = (RAW_PRODUCTS, RAW_SALES_TEAMS, RAW_ACCOUNTS)
JOINED = (*LOOKUPS, RAW_SALES_PIPELINE)


def opportunities(
    raw: Mapping[str, ir.Table], first_month: str, meanings: Mapping[str, ir.Table] | None = None
) -> ir.Table:
    """Clean the raw tables and join them: one row per deal, sorted by `opportunity_id`.

    A name that its table does not list keeps its spelling, and what the table would say of it is null; the
    gates report it.

    Args:
        raw: the raw tables by name, at least those of `JOINED`.
        first_month: first month of the data; simulated creation days count from its start.
        meanings: `names.meant` by column of the deals, if it is known already.

    Returns:
        A table with the columns of `crm.tables.OPPORTUNITIES`, without those that the CRM does not have.
    """
    joined = raw[RAW_SALES_PIPELINE.name]
    for table in LOOKUPS:
        (column,) = table.key
        if column in joined.columns:
            listed = raw[table.name]
            names = meant(joined[column], listed[column]) if meanings is None else meanings[column]
            joined = _looked_up(joined, column, listed, names)
    joined = _dated(joined, first_month)
    joined = joined.mutate(**{name: joined[was] for name, was in RENAMED.items() if was in joined.columns})
    if "sector" in joined.columns:
        joined = joined.mutate(sector=joined.sector.substitute(SECTOR_SPELLINGS))
    if "account_employees" in joined.columns:
        joined = joined.mutate(account_employees=joined.account_employees.cast("float64"))
    return joined.select(OPPORTUNITIES.having(joined.columns).names).order_by("opportunity_id")


def _looked_up(deals: ir.Table, column: str, table: ir.Table, names: ir.Table) -> ir.Table:
    """Add what a table says of the names in a column, and spell them as it does."""
    spelled = deals.left_join(names, deals[column] == names["name"])
    spelled = spelled.mutate(**{column: spelled["means"].coalesce(spelled[column])}).drop("name", "means")
    return spelled.left_join(table.drop("source_row"), column, rname="{name}_there").drop(f"{column}_there")


def _dated(deals: ir.Table, first_month: str) -> ir.Table:
    """Add since when each deal is known, by which date, and when it was engaged.

    If the CRM does not record when deals were engaged, all of them count as engaged from the day they were
    created. Never only some: a deal's later stage would change what it was before.
    """
    if "engage_date" not in deals.columns:
        # A deal that was entered after it had closed was never seen open.
        late = deals.close_date.notnull() & (deals.close_date < deals.created_date)
        engaging = (deals.deal_stage == Stage.PROSPECTING.value).ifelse(
            Stage.ENGAGING.value, deals.deal_stage
        )
        deals = deals.mutate(
            engage_date=late.ifelse(ibis.null("date"), deals.created_date), deal_stage=engaging
        )
    # A deal that closed without being engaged is known since it closed, if the CRM has no earlier date.
    dates = {
        name: deals[name] for name in ("engage_date", "created_date", "close_date") if name in deals.columns
    }
    engaged, created = dates["engage_date"], dates.get("created_date", dates["engage_date"])
    known = ibis.least(engaged, created).coalesce(engaged, created, deals.close_date)
    entered = {"crm_created_date": created} if "created_date" in dates else {}
    return deals.mutate(
        **entered,
        stage=deals.deal_stage,
        close_value=ibis.ifelse(deals.deal_stage == Stage.LOST.value, 0.0, deals.close_value),
        created_date=known.coalesce(_simulated_day(deals.opportunity_id, first_month)),
        created_date_source=ibis.cases(
            *((day == known, name) for name, day in dates.items()), else_="simulated"
        ),
    )


def _simulated_day(opportunity_id: ir.StringValue, first_month: str) -> ir.DateValue:
    """Return a day that depends only on the id, so that later changes of the dump do not move it."""
    digest = opportunity_id.hexdigest("md5")
    number: Any = ibis.literal(0, "int64")
    for position in range(6):
        number = number * 31 + digest.substr(position, 1).ascii_str().cast("int64")
    start = ibis.literal(month_start(first_month))
    return (start + (number % SIMULATED_DAYS).as_interval("D")).cast("date")

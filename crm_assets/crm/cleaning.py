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

# The tables that a deal refers to by their keys, in the order of the joins.
LOOKUPS = (RAW_PRODUCTS, RAW_SALES_TEAMS, RAW_ACCOUNTS)
JOINED = (*LOOKUPS, RAW_SALES_PIPELINE)


def opportunities(raw: Mapping[str, ir.Table], first_month: str) -> ir.Table:
    """Clean the raw tables and join them: one row per deal, sorted by `opportunity_id`.

    A name that its table does not list keeps its spelling, and what the table would say of it is null; the
    gates report it.

    Args:
        raw: the raw tables by name, at least those of `JOINED`.
        first_month: first month of the data; simulated creation days count from its start.

    Returns:
        A table with the columns of `crm.tables.OPPORTUNITIES`.
    """
    joined = raw[RAW_SALES_PIPELINE.name]
    for table in LOOKUPS:
        (column,) = table.key
        joined = _looked_up(joined, column, raw[table.name])
    simulated = joined.engage_date.isnull()
    return (
        joined.mutate(
            product_series=joined.series,
            list_price=joined.sales_price,
            sector=joined.sector.substitute(SECTOR_SPELLINGS),
            account_revenue=joined.revenue,
            account_employees=joined.employees.cast("float64"),
            account_year_established=joined.year_established,
            account_parent=joined.subsidiary_of,
            stage=joined.deal_stage,
            created_date=joined.engage_date.fill_null(_simulated_day(joined.opportunity_id, first_month)),
            created_date_source=ibis.ifelse(simulated, "simulated", "engage_date"),
            close_value=ibis.ifelse(joined.deal_stage == Stage.LOST.value, 0.0, joined.close_value),
        )
        .select(OPPORTUNITIES.names)
        .order_by("opportunity_id")
    )


def _looked_up(deals: ir.Table, column: str, table: ir.Table) -> ir.Table:
    """Add what a table says of the names in a column, and spell them as it does."""
    names = meant(deals[column], table[column])
    spelled = deals.left_join(names, deals[column] == names["name"])
    spelled = spelled.mutate(**{column: spelled["means"].coalesce(spelled[column])}).drop("name", "means")
    return spelled.left_join(table.drop("source_row"), column, rname="{name}_there").drop(f"{column}_there")


def _simulated_day(opportunity_id: ir.StringValue, first_month: str) -> ir.DateValue:
    """Return a day that depends only on the id, so that later changes of the dump do not move it."""
    digest = opportunity_id.hexdigest("md5")
    number: Any = ibis.literal(0, "int64")
    for position in range(6):
        number = number * 31 + digest.substr(position, 1).ascii_str().cast("int64")
    start = ibis.literal(month_start(first_month))
    return (start + (number % SIMULATED_DAYS).as_interval("D")).cast("date")

"""Cleaning: unify the spelling of names and sectors, and join deals with product, agent and account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ibis
import ibis.expr.types as ir

from crm_assets.crm.months import month_start
from crm_assets.crm.names import normalized
from crm_assets.crm.schema import (
    RAW_ACCOUNTS,
    RAW_PRODUCTS,
    RAW_SALES_PIPELINE,
    RAW_SALES_TEAMS,
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

    The rules of `crm.raw_rules` have checked the raw tables: every name in a deal matches exactly one row of
    its table. A name that slips through keeps its spelling, and the gates of `opportunities` report it.

    Args:
        raw: the raw tables by name, at least those of `JOINED`.
        first_month: first month of the data; simulated creation days count from its start.

    Returns:
        A table with the columns of `crm.tables.OPPORTUNITIES`.
    """
    joined = _with_keys(raw[RAW_SALES_PIPELINE.name], *(table.key[0] for table in LOOKUPS))
    for table in LOOKUPS:
        (column,) = table.key
        lookup = _with_keys(raw[table.name], column).drop("source_row")
        joined = joined.left_join(lookup, f"{column}_key", rname="{name}_there")
        joined = joined.mutate(**{column: joined[f"{column}_there"].coalesce(joined[column])})
        joined = joined.drop(f"{column}_there", f"{column}_key_there")
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
        )
        .select(OPPORTUNITIES.names)
        .order_by("opportunity_id")
    )


def _with_keys(table: ir.Table, *columns: str) -> ir.Table:
    return table.mutate(**{f"{column}_key": normalized(table[column]) for column in columns})


def _simulated_day(opportunity_id: ir.StringValue, first_month: str) -> ir.DateValue:
    """Return a day that depends only on the id, so that later changes of the dump do not move it."""
    digest = opportunity_id.hexdigest("md5")
    number: Any = ibis.literal(0, "int64")
    for position in range(6):
        number = number * 31 + digest.substr(position, 1).ascii_str().cast("int64")
    start = ibis.literal(month_start(first_month))
    return (start + (number % SIMULATED_DAYS).as_interval("D")).cast("date")

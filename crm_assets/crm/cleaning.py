"""Cleaning: names normalised, references checked, deals joined with product, agent and account."""

from __future__ import annotations

from typing import Any

import ibis
import ibis.expr.types as ir
from ibis import _

from crm_assets.crm.months import month_start
from crm_assets.crm.schema import (
    RAW_ACCOUNTS,
    RAW_PRODUCTS,
    RAW_SALES_PIPELINE,
    RAW_SALES_TEAMS,
    RawTable,
)
from crm_assets.crm.tables import OPPORTUNITIES
from crm_assets.errors import BadInputError

SECTOR_SPELLINGS = {"technolgy": "technology"}

# Prospecting deals carry no date: their simulated day falls into the first 15 months of the data.
SIMULATED_DAYS = 455

_ROWS_SHOWN = 5


def opportunities(
    accounts: ir.Table,
    products: ir.Table,
    sales_teams: ir.Table,
    sales_pipeline: ir.Table,
    first_month: str,
) -> ir.Table:
    """Clean the raw tables and join them: one row per deal, sorted by `opportunity_id`.

    Args:
        accounts: the raw table `crm.schema.RAW_ACCOUNTS`.
        products: the raw table `crm.schema.RAW_PRODUCTS`.
        sales_teams: the raw table `crm.schema.RAW_SALES_TEAMS`.
        sales_pipeline: the raw table `crm.schema.RAW_SALES_PIPELINE`.
        first_month: first month of the data; simulated creation days count from its start.

    Returns:
        A table with the columns of `crm.tables.OPPORTUNITIES`.

    Raises:
        BadInputError: a deal names an agent, product or account that its table does not have,
            or two names of a table are the same after normalising.
    """
    pipeline = _with_keys(sales_pipeline, "product", "sales_agent", "account")
    joined = pipeline
    for lookup, table, column in (
        (products, RAW_PRODUCTS, "product"),
        (sales_teams, RAW_SALES_TEAMS, "sales_agent"),
        (accounts, RAW_ACCOUNTS, "account"),
    ):
        keyed = _with_keys(lookup, column).drop("source_row")
        _check_unique(_with_keys(lookup, column), table, column)
        _check_references(pipeline, keyed, table, column)
        joined = joined.drop(column).left_join(keyed, f"{column}_key")
        joined = joined.drop(f"{column}_key_right")
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


def normalised(name: ir.StringValue) -> ir.StringValue:
    """What two spellings of a name share: letters and digits, lower case."""
    return name.lower().re_replace(r"[^\p{L}\p{N}]+", "")


def _with_keys(table: ir.Table, *columns: str) -> ir.Table:
    return table.mutate(**{f"{column}_key": normalised(table[column]) for column in columns})


def _simulated_day(opportunity_id: ir.StringValue, first_month: str) -> ir.DateValue:
    """A day that depends on the id alone, so that no later change of the dump moves it."""
    digest = opportunity_id.hexdigest("md5")
    number: Any = ibis.literal(0, "int64")
    for position in range(6):
        number = number * 31 + digest.substr(position, 1).ascii_str().cast("int64")
    start = ibis.literal(month_start(first_month))
    return (start + (number % SIMULATED_DAYS).as_interval("D")).cast("date")


def _check_unique(keyed: ir.Table, table: RawTable, column: str) -> None:
    key = f"{column}_key"
    shared = keyed.group_by(key).agg(names=keyed.count()).filter(_.names > 1)
    clash = shared[key].min().to_pyarrow().as_py()
    if clash is not None:
        same = keyed.filter(keyed[key] == clash).order_by("source_row").select("source_row", column)
        found = same.to_pyarrow().to_pydict()
        rows = ", ".join(str(row) for row in found["source_row"][:_ROWS_SHOWN])
        raise BadInputError(
            f"{table.file_name}, column {column}, rows {rows}: "
            f"{min(found[column])!r} and {max(found[column])!r} "
            "are the same name but for case, blanks or punctuation; keep one of them."
        )


def _check_references(pipeline: ir.Table, keyed: ir.Table, table: RawTable, column: str) -> None:
    key = f"{column}_key"
    unknown = pipeline.filter(pipeline[column].notnull()).anti_join(keyed, key)
    count = unknown.count().to_pyarrow().as_py()
    if not count:
        return
    first = unknown.order_by("source_row").limit(_ROWS_SHOWN).select("source_row", column)
    rows = first.to_pyarrow().to_pylist()
    more = f" and {count - len(rows)} more" if count > len(rows) else ""
    raise BadInputError(
        f"{RAW_SALES_PIPELINE.file_name}, column {column}, "
        f"row{'s' if count > 1 else ''} {', '.join(str(row['source_row']) for row in rows)}{more}: "
        f"{', '.join(sorted({repr(row[column]) for row in rows}))} "
        f"{'are' if len({row[column] for row in rows}) > 1 else 'is'} not in {table.file_name}; "
        f"add the missing {column} there or correct the deals."
    )

"""The rows that are compared by month: dated rows of the raw tables, open deals, and what became of them.

All names of columns come from the rows of the contracts: a new raw table with dates, a new column, feature or
target is compared without another entry anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from crm_assets.crm.all_features import ALL_FEATURES
from crm_assets.crm.as_of import RECORDS
from crm_assets.crm.deals import DIMENSIONS, Dimension
from crm_assets.crm.months import month_end, month_start, shift
from crm_assets.crm.raw_table import Dating, RawTable
from crm_assets.crm.schema import RAW_TABLES, SOURCE_ROW, Stage
from crm_assets.crm.tables import WIN_PREDICTIONS
from crm_assets.crm.targets import TARGETS
from crm_assets.modeling.frames import coded
from crm_assets.monitoring.drift import SAMPLE, MonthRows
from crm_assets.monitoring.levels import BY_GROUP, BY_MONTH

SEED = 20161020
# Units in which one amount can be a multiple of another, and how the column of such a multiple is called.
MONEY, PER, RATIO = ("USD",), " per ", "ratio"
# What a label is made from.
OUTCOME = ("close_date", "deal_stage")
OPEN_DEALS, PREDICTED_DEALS = "open deals", "predictions of open deals"
DEAL = "opportunity_id"
FEATURES = tuple(feature.name for feature in ALL_FEATURES)
# What the champion says of a deal, as numbers.
PREDICTIONS = tuple(
    column.name
    for column in WIN_PREDICTIONS.columns
    if column.dtype == "float64" and column.name not in FEATURES
)
# Numbers that change from month to month for all deals of an agent, a product or an account; and ratios of a
# column of the deal to a number that is not the deal's, such as the usual cycle.
SHARED = {
    feature.name: BY_GROUP if feature.sources[0] in RECORDS else BY_MONTH
    for feature in ALL_FEATURES
    if len(feature.sources) == 1
    and feature.dtype in ("int64", "float64")
    and (feature.sources[0] in RECORDS or feature.unit == RATIO)
    and feature.name not in {dimension.name for dimension in DIMENSIONS}
}


def dated_tables() -> list[tuple[RawTable, Dating]]:
    """Return the raw tables that are dated, with each date that a part of them is known by."""
    return [(table, dating) for table in RAW_TABLES for dating in table.dated_by]


def dated_name(table: RawTable, dating: Dating) -> str:
    """Return the name of the rows of a table that are dated by a column.

    >>> [dated_name(*one) for one in dated_tables()][1]
    'rows of sales_pipeline by engage_date'
    """
    return f"rows of {table.name.removeprefix('raw_')} by {dating.column}"


def dated_rows(raw: Mapping[str, ir.Table], table: RawTable, dating: Dating, month: str) -> ir.Table | None:
    """Return the rows of a raw table that are dated in a month, with what other raw tables say of them.

    It leaves out the key, and what is known only from a later date on. Other dates become days until then.

    Args:
        raw: the raw tables by name.
        table: the table.
        dating: the date that decides.
        month: `YYYY-MM`.

    Returns:
        The rows in the order of the file, with `source_row`; None if the table has no such date.
    """
    rows = raw[table.name]
    if dating.column not in rows.columns:
        return None
    day = rows[dating.column]
    rows = rows.filter(day.between(ibis.literal(month_start(month)), ibis.literal(month_end(month))))
    hidden = _later(table, dating)
    left_out = hidden | (set(table.key) - {SOURCE_ROW.name})
    kept = [name for name in rows.columns if name not in left_out]
    dates = {column.name for column in table.columns if column.dtype == "date"}
    day = rows[dating.column]
    rows = rows.select(
        **{
            name: rows[name].delta(day, unit="day") if name in dates else rows[name]
            for name in kept
            if name != dating.column
        }
    )
    for other in RAW_TABLES:
        # What a dated table says may not have been known then.
        if not other.dated_by and len(other.key) == 1 and other.key[0] in rows.columns:
            listed = raw[other.name].drop(SOURCE_ROW.name)
            more = [name for name in listed.columns if name not in rows.columns]
            rows = rows.left_join(listed.select(*other.key, *more), list(other.key), rname="{name}_listed")
            rows = rows.drop(*(name for name in rows.columns if name.endswith("_listed")))
    ratios = {
        f"{one}{PER}{other}": rows[one] / rows[other].nullif(0)
        for one, other in _amounts(table)
        if one in rows.columns and other in rows.columns
    }
    return rows.mutate(**ratios).order_by(SOURCE_ROW.name)


@cache
def _amounts(table: RawTable) -> list[tuple[str, str]]:
    """Return the amounts of a table, each with an amount in the same unit that another table lists.

    Amounts of all products together hide a discount that each of them shows.
    """
    own = [column for column in table.columns if column.dtype == "float64" and column.unit in MONEY]
    listed = [column for other in RAW_TABLES if not other.dated_by for column in other.columns]
    return [(one.name, other.name) for one in own for other in listed if other.unit == one.unit]


def _later(table: RawTable, dating: Dating) -> set[str]:
    """Return the columns that are known only from a later date on: they depend on when the dump was made."""
    after = table.dated_by[table.dated_by.index(dating) + 1 :]
    own = set(dating.dates)
    return {name for one in after for name in one.columns} - own


def sampled(rows: pa.Table) -> MonthRows:
    """Return the rows of a month, or a sample of them by a fixed seed if there are many.

    Args:
        rows: in an order that is always the same.
    """
    some = rows if len(rows) <= SAMPLE else rows.take(pa.array(chosen(len(rows))))
    return MonthRows(len(rows), coded(some))


def chosen(rows: int) -> np.ndarray:
    """Return the positions of the rows that are compared, in order."""
    if rows <= SAMPLE:
        return np.arange(rows)
    return np.sort(np.random.default_rng(SEED).choice(rows, SAMPLE, replace=False))


def joined(rows: MonthRows, more: pa.Table) -> MonthRows:
    """Return rows of open deals with more columns of them, from a table with `opportunity_id`."""
    names = [name for name in more.column_names if name not in rows.frame]
    if not names or not len(more):
        return rows
    there = more.filter(pc.is_in(more[DEAL], pa.array(rows.frame[DEAL].astype(str))))
    frame = coded(there.select([DEAL, *names])).astype({DEAL: str})
    merged = rows.frame.astype({DEAL: str}).merge(frame, on=DEAL, how="left")
    return MonthRows(rows.rows, merged)


def compared_columns() -> tuple[str, ...]:
    """Return the columns that are compared of open deals, and their id."""
    return (DEAL, *FEATURES, *PREDICTIONS)


def wins(snapshot: ir.Table) -> ir.Table:
    """Return the won deals of a month's snapshot: `opportunity_id` and `close_date`."""
    return snapshot.filter(snapshot.stage == Stage.WON.value).select(DEAL, "close_date")


def labels(
    open_deals: Mapping[str, pd.Series], wins: pd.DataFrame, months: Iterable[str], first: str
) -> dict[str, dict[str, MonthRows]]:
    """Return the labels that the end of each month decides, by target and month.

    Args:
        open_deals: ids of the deals that were open at each month's end.
        wins: `opportunity_id` and `close_date` of all won deals as known.
        months: the months.
        first: the first month in which deals closed; before, nobody knows.
    """
    closed = pd.to_datetime(wins["close_date"]).dt.strftime("%Y-%m").to_numpy()
    when = pd.Series(closed, index=wins[DEAL].astype(str).to_numpy())
    when = when[~when.index.duplicated()]
    found: dict[str, dict[str, MonthRows]] = {}
    for target in TARGETS:
        by_month = {}
        for month in months:
            ids = open_deals.get(shift(month, -target.months))
            if ids is None or ids.empty or shift(month, 1 - target.months) < first:
                continue
            closes = when.reindex(ids.astype(str)).to_numpy()
            won = np.array([isinstance(one, str) and one <= month for one in closes], dtype="int64")
            by_month[month] = MonthRows(len(won), pd.DataFrame({target.name: won}))
        found[target.name] = by_month
    return found


@cache
def made_from(column: str) -> tuple[str, ...]:
    """Return the columns that a column is looked up by or made from.

    >>> made_from("manager"), made_from("agent_win_rate"), made_from("series"), made_from("won_next_month")
    (('sales_agent',), ('sales_agent',), ('product',), ('close_date', 'deal_stage'))
    """
    found: dict[str, None] = dict.fromkeys(OUTCOME) if column in {one.name for one in TARGETS} else {}
    for dimension in DIMENSIONS:
        if isinstance(dimension, Dimension) and dimension.name == column:
            found[dimension.of] = None
    for table in RAW_TABLES:
        if len(table.key) == 1 and column in table.names and column not in table.key:
            found |= dict.fromkeys(key for key in table.key if _is_lookup(key))
    if PER in column:
        found |= dict.fromkeys(column.split(PER))
    for feature in ALL_FEATURES:
        if feature.name == column:
            found |= dict.fromkeys(feature.sources)
    return tuple(name for name in found if name != column)


def _is_lookup(key: str) -> bool:
    """Return whether a table's key is a column of another raw table."""
    return sum(key in table.names for table in RAW_TABLES) > 1

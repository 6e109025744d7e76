"""The calendar: which source is in force, which months it covers, and their partitions."""

from __future__ import annotations

from functools import cache

import dagster as dg
import ibis.expr.types as ir

from crm_assets.crm.horizon import horizon
from crm_assets.crm.months import MonthRange, shift
from crm_assets.settings import OPEN_END, get_settings
from crm_assets.sources.base import Source
from crm_assets.sources.select import month_range, select_source

# How a run says which months it covers.
MONTH_TAG = "dagster/partition"
RANGE_TAGS = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


@cache
def source() -> Source:
    """The source of raw data that the settings choose."""
    return select_source(get_settings())


@cache
def calendar() -> MonthRange:
    """The months that the graph covers, read from the data once where settings do not say."""
    return month_range(get_settings(), source())


def _partitions() -> dg.MonthlyPartitionsDefinition:
    open_ended = get_settings().last_month == OPEN_END
    end = None if open_ended else f"{shift(calendar().last, 1)}"
    return dg.MonthlyPartitionsDefinition(start_date=calendar().first, end_date=end, fmt="%Y-%m")


monthly = _partitions()


def months() -> MonthRange:
    """The months that a run of the whole graph covers: those of the calendar that are over."""
    return MonthRange(calendar().first, min(calendar().last, last_month()))


def last_month() -> str:
    """The last month of the graph that is over by now; it moves on where the calendar is open."""
    return monthly.get_last_partition_key() or calendar().last


def data_horizon(opportunities: ir.Table) -> str:
    """The last month that the data covers completely; never one that is not over.

    Args:
        opportunities: columns of `crm.tables.OPPORTUNITIES`.
    """
    return min(horizon(opportunities, get_settings().last_month), last_month())

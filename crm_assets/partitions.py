"""The calendar: which source is in force, which months it covers, and their partitions."""

from __future__ import annotations

from functools import cache

import dagster as dg

from crm_assets.crm.months import MonthRange, shift
from crm_assets.settings import OPEN_END, get_settings
from crm_assets.sources.base import Source
from crm_assets.sources.select import month_range, select_source


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

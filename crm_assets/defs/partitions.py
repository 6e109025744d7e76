"""The calendar: which source is in force, which months it covers, and their partitions."""

from __future__ import annotations

from functools import cache

import dagster as dg
import ibis.expr.types as ir
import pyarrow as pa

from crm_assets.crm.horizon import horizon
from crm_assets.crm.months import MonthRange, shift
from crm_assets.crm.schema import RAW_TABLES, RawTable
from crm_assets.settings import OPEN_END, get_settings
from crm_assets.sources.base import Source
from crm_assets.sources.quarantine import Sifted
from crm_assets.sources.select import month_range, select_source

# How a run says which months it covers.
MONTH_TAG = "dagster/partition"
RANGE_TAGS = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")

_ahead: dict[str, pa.Table] = {}


@cache
def source() -> Source:
    """The source of raw data that the settings choose."""
    return select_source(get_settings())


def read_ahead() -> list[pa.Table]:
    """Read all raw tables; the next `sifted` of each, in this process, hands it out and reads nothing.

    For sources that do not quarantine.

    Raises:
        BadInputError, SourceUnavailableError: as for `Source.read`.
    """
    _ahead.update({table.name: source().read(table) for table in RAW_TABLES})
    return [_ahead[table.name] for table in RAW_TABLES]


def sifted(table: RawTable) -> Sifted:
    """A raw table: as it was read ahead, or from the source.

    Raises:
        BadInputError, SourceUnavailableError: as for `Source.sift`.
    """
    rows = _ahead.pop(table.name, None)
    return source().sift(table) if rows is None else Sifted.whole(rows)


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

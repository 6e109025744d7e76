"""The calendar: which source is in force, which months it covers, and their partitions."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, time
from functools import cache

import ibis.expr.types as ir
import pyarrow as pa

from crm_assets.crm.horizon import horizon
from crm_assets.crm.months import MonthRange, month_start, shift
from crm_assets.defs.months import Months
from crm_assets.errors import SettingsError
from crm_assets.settings import OPEN_END, get_settings
from crm_assets.sources import calendar as file
from crm_assets.sources.base import Source
from crm_assets.sources.calendar import covered_by
from crm_assets.sources.select import known_range, select_source, within

# The tags of a run that say which months it covers.
MONTH_TAG = "dagster/partition"
RANGE_TAGS = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")

UNKNOWN = (
    "The months of {source} are not known yet: materialize the raw tables, or run `make run`, and reload the "
    "code location. You can also set CRM_FIRST_MONTH and CRM_LAST_MONTH."
)
# Partitions that start and end here have no month: the code location of a source that nobody has read yet.
NO_MONTHS = "1970-01"


@cache
def source() -> Source:
    """Return the source of raw data that the settings choose."""
    return select_source(get_settings())


@cache
def calendar() -> MonthRange:
    """Return the months that the graph covers, without opening any data.

    Raises:
        SettingsError: the months are not known yet, or `sources.select.known_range` raises it.
    """
    found = known_range(get_settings(), source())
    if found is None:
        raise SettingsError(UNKNOWN.format(source=source().description))
    return found


def unknown() -> str | None:
    """Return what to do if the months are not known yet, in a sentence; None if they are known."""
    found = known_range(get_settings(), source())
    return UNKNOWN.format(source=source().description) if found is None else None


def note_months(deals: pa.Table) -> MonthRange | None:
    """Note which months the data covers, for the next process that loads the definitions.

    Args:
        deals: columns of `crm.schema.RAW_SALES_PIPELINE`, as the source read them.

    Returns:
        The months, if they differ from those of this process's calendar; else None.

    Raises:
        SettingsError: the settings ask for months that the data cannot have.
    """
    found = source().known_months or covered_by(deals)
    if found is None:
        return None
    now = within(get_settings(), found)
    file.note(get_settings().home, source().identity, found)
    return None if unknown_when_loaded is None and now == calendar() else now


def _partitions() -> Months:
    if unknown_when_loaded:
        logging.getLogger("dagster.crm_assets").warning(unknown_when_loaded)
        return Months(NO_MONTHS, end_date=NO_MONTHS, fmt="%Y-%m")
    if get_settings().last_month == OPEN_END:
        return Months(calendar().first, fmt="%Y-%m")
    end = shift(calendar().last, 1)
    return Months(calendar().first, end_date=end, fmt="%Y-%m", exclusions=_months_after(end))


def _months_after(end: str) -> list[datetime] | None:
    """Return the months from the end of the calendar to the end of next year.

    Dagster's plots by partition go on to the current month, whatever the end, and skip only what is excluded.
    """
    last = f"{datetime.now(UTC).year + 1}-12"
    after = list(MonthRange(end, last)) if end <= last else []
    return [datetime.combine(month_start(month), time()) for month in after] or None


unknown_when_loaded = unknown()
monthly = _partitions()


def check_run(tags: Mapping[str, str]) -> None:
    """Refuse a run over months that do not exist, before its first step does anything.

    Args:
        tags: the tags of the run. Dagster checks the months of runs from its UI and its command line, but
            not those of launched jobs.

    Raises:
        NoSuchMonthError: a month does not exist; the error lists the months that do.
    """
    for month in (tags[tag] for tag in (MONTH_TAG, *RANGE_TAGS) if tag in tags):
        if not monthly.has_partition_key(month):
            raise monthly.missing(month)


def months() -> MonthRange:
    """Return the months that a run of the whole graph covers: those of the calendar that are over."""
    return MonthRange(calendar().first, min(calendar().last, last_month()))


def last_month() -> str:
    """Return the last month of the graph that is over by now; it moves on if the calendar has no end."""
    return monthly.get_last_partition_key() or calendar().last


def data_horizon(opportunities: ir.Table) -> str:
    """Return the last month that the data covers completely; never a month that is not over.

    Args:
        opportunities: columns of `crm.tables.OPPORTUNITIES`.
    """
    return min(horizon(opportunities, get_settings().last_month), last_month())

"""A small file that records which months a source covers, so that readers need not open the data."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from crm_assets.crm.horizon import data_horizon
from crm_assets.crm.months import MonthRange, is_month, month_of
from crm_assets.errors import StorageError
from crm_assets.files import write_whole

FILE = "calendar.json"


def noted(home: Path, identity: str) -> MonthRange | None:
    """Return the months of a source as last recorded; None if they never were.

    Args:
        home: `CRM_HOME`.
        identity: `Source.identity`.
    """
    months = _read(home).get(identity)
    return None if months is None else MonthRange(*months)


def note(home: Path, identity: str, months: MonthRange) -> None:
    """Record the months of a source for the next process that loads the definitions.

    Raises:
        StorageError: the file cannot be written.
    """
    known = _read(home)
    if known.get(identity) == (months.first, months.last):
        return
    entries = known | {identity: (months.first, months.last)}
    text = json.dumps({name: {"first": a, "last": b} for name, (a, b) in sorted(entries.items())}, indent=1)
    try:
        write_whole(home / FILE, (text + "\n").encode())
    except OSError as error:
        raise StorageError(
            f"Cannot write {home / FILE}: {error.strerror}; set CRM_HOME to a folder that you can write to."
        ) from error


def covered(engaged: pa.Array | pa.ChunkedArray, closed: pa.Array | pa.ChunkedArray) -> MonthRange | None:
    """Return the months from the first engage date to the data horizon; None if no deal is engaged.

    >>> from datetime import date
    >>> covered(pa.array([date(2017, 3, 2), None]), pa.array([date(2017, 5, 30)]))
    MonthRange(first='2017-03', last='2017-05')
    """
    first, last, last_closed = pc.min(engaged).as_py(), pc.max(engaged).as_py(), pc.max(closed).as_py()
    return MonthRange(month_of(first), data_horizon(max(last, last_closed or last))) if first else None


def covered_by(deals: pa.Table) -> MonthRange | None:
    """Return the months that the dates of deals cover; None if no deal is engaged.

    Args:
        deals: columns of `crm.schema.RAW_SALES_PIPELINE`. Without engage dates, deals count from their
            creation.
    """
    return covered(
        deals["engage_date" if "engage_date" in deals.column_names else "created_date"], deals["close_date"]
    )


def _read(home: Path) -> dict[str, tuple[str, str]]:
    """Return all entries; ignore an unreadable file, since the next run writes a new one."""
    try:
        entries = json.loads((home / FILE).read_text("utf-8"))
        found = {str(name): (entry["first"], entry["last"]) for name, entry in entries.items()}
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        return {}
    return {
        name: both for name, both in found.items() if all(isinstance(m, str) and is_month(m) for m in both)
    }

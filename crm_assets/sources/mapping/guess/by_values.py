"""Guess columns by what they hold, where no name of a column says it."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import pyarrow as pa
import pyarrow.compute as pc

from crm_assets.sources.dates import dates
from crm_assets.sources.mapping.guess.stages import FEW, meaning_of
from crm_assets.sources.mapping.rows import Rows

_MOSTLY = 0.5


def unused(rows: Rows, used: Iterable[str]) -> list[str]:
    """Return the columns that nothing uses."""
    taken = set(used)
    return [name for name in rows.columns if name not in taken]


def days_in(values: pa.Array) -> pa.Array | None:
    """Return the dates of a column; None unless most of its values are dates."""
    days = dates(values).values
    given = len(values) - values.null_count
    return days if given and len(days) - days.null_count > _MOSTLY * given else None


def few_values(rows: Rows, used: Iterable[str]) -> list[str]:
    """Return the unused columns that have few different values."""
    most = min(FEW, len(rows) / 2)
    return [name for name in unused(rows, used) if 1 < pc.count_distinct(rows.columns[name]).as_py() <= most]


def stage_by_values(rows: Rows, used: Iterable[str]) -> str | None:
    """Return the column with the most different values, some of which mean won and some lost."""
    found = []
    for name in unused(rows, used):
        texts = [text for text in pc.unique(rows.columns[name]).to_pylist() if text]
        if len(texts) <= FEW and {"won", "lost"} <= {meaning_of(text) for text in texts}:
            found.append((len(texts), name))
    # Of equal ones, the first of the file.
    return max(found, key=lambda one: one[0])[1] if found else None


def dates_by_values(rows: Rows, there: Collection[str], used: Iterable[str]) -> dict[str, str]:
    """Return the likeliest columns for the day of creation and of the close, if they are missing.

    A deal begins on the earliest of its days, and ends on another one that many deals have.
    """
    days = {name: found for name in unused(rows, used) if (found := days_in(rows.columns[name])) is not None}
    chosen: dict[str, str] = {}
    if not {"created_date", "engage_date"}.intersection(there):
        full = {name: one for name, one in days.items() if one.null_count <= (1 - _MOSTLY) * len(one)}
        if full:
            chosen["created_date"] = min(full, key=lambda name: pc.mean(full[name].cast(pa.int32())).as_py())
    rest = {name: one for name, one in days.items() if name not in chosen.values()}
    if "close_date" not in there and rest:
        chosen["close_date"] = min(rest, key=lambda name: rest[name].null_count)
    return chosen

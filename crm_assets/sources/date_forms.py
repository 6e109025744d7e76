"""The ways to write a date that the readers know, and how to read a text that is written in one of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crm_assets.sources.month_names import month_names

FIRST_YEAR, LAST_YEAR = 1970, 2200
# Two digits of a year: up to here they are of this century.
LAST_SHORT_YEAR = 68
EXCEL_EPOCH = np.datetime64("1899-12-30", "D")

_TIME = (
    r"(?:(?:[Tt]|,? +)(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<seconds>\d{2})(?:[.,]\d{1,9})?)?"
    r" ?(?P<half>[AaPp]\.?[Mm]\.?)? ?(?P<zone>[Zz]|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?)?"
)
_NAME = r"(?P<name>\p{L}{3,12})\.?"
# The day of the week, which some programs write first.
_WEEKDAY = r"(?:\p{L}{2,13}\.?,? )?"
_SIGN, _AGAIN = r"(?P<sign>[-/.]) ?", r"(?P<again>[-/.]) ?"


@dataclass(frozen=True)
class Layout:
    """One way to lay out a date; `first`, `second` and `year` are what its pattern finds.

    Attributes:
        pattern: finds the parts of a date; the signs between them are `sign` and `again`.
        orders: the orders of day, month and year that it may have; one of them if it is certain.
    """

    pattern: str
    orders: tuple[str, ...]


LAYOUTS = {
    "year first": Layout(
        rf"(?P<year>\d{{4}}){_SIGN}(?P<first>\d{{1,2}}){_AGAIN}(?P<second>\d{{1,2}})\.?" + _TIME,
        ("YMD",),
    ),
    "year last": Layout(
        rf"{_WEEKDAY}(?P<first>\d{{1,2}}){_SIGN}(?P<second>\d{{1,2}}){_AGAIN}(?P<year>\d{{4}})\.?" + _TIME,
        ("MDY", "DMY"),
    ),
    "short year": Layout(
        rf"(?P<first>\d{{1,2}}){_SIGN}(?P<second>\d{{1,2}}){_AGAIN}(?P<year>\d{{2}})\.?" + _TIME,
        ("MDY", "DMY", "YMD"),
    ),
    "digits": Layout(r"(?P<year>(?:19|20|21)\d{2})(?P<first>\d{2})(?P<second>\d{2})", ("YMD",)),
    "day and month name": Layout(
        _WEEKDAY
        + r"(?P<first>\d{1,2})(?:st|nd|rd|th|er|\.)?[- ](?:de )?"
        + _NAME
        + r"[- ,]+(?:del? )?(?P<year>\d{4}|\d{2})"
        + _TIME,
        ("DMY",),
    ),
    "month name and day": Layout(
        _WEEKDAY + _NAME + r" (?P<first>\d{1,2})(?:st|nd|rd|th)?,? (?P<year>\d{4})" + _TIME, ("MDY",)
    ),
    "year, month, day in words": Layout(
        "(?P<year>\\d{4}) ?[\u5e74\ub144] ?(?P<first>\\d{1,2}) ?[\u6708\uc6d4] ?"
        "(?P<second>\\d{1,2}) ?[\u65e5\uc77c]" + _TIME,
        ("YMD",),
    ),
    "milliseconds": Layout(r"(?P<count>\d{12,13})", ("since 1970",)),
    "seconds": Layout(r"(?P<count>1\d{9})", ("since 1970",)),
    "Excel days": Layout(r"(?P<count>[2-8]\d{4})(?:\.\d+)?", ("since 1900",)),
}
# What a column may be declared as, in the words of people.
SPECIAL = {
    "epoch_ms": "milliseconds",
    "epoch_s": "seconds",
    "excel": "Excel days",
    "D Mon YYYY": "day and month name",
    "Mon D, YYYY": "month name and day",
    "YYYYMMDD": "digits",
    "YYYY\u5e74M\u6708D\u65e5": "year, month, day in words",
}


@dataclass(frozen=True)
class Parts:
    """What a layout finds in texts; one entry per text.

    Attributes:
        layout: the name of the layout.
        fits: whether the text has this layout.
        columns: the parts as strings.
    """

    layout: str
    fits: np.ndarray
    columns: dict[str, pa.Array]

    @property
    def signs(self) -> pa.Array:
        """The sign between the parts of each date; empty if there is none."""
        return self.columns["sign"] if "sign" in self.columns else pa.array([""] * len(self.fits))

    def days(self, order: str, zone: str | None) -> np.ndarray:
        """Return the dates in one order as days since 1970, and `NaT` where there is no such date.

        Args:
            order: one of the layout's orders.
            zone: the time zone in which days count, for time stamps that have one; None: as written.
        """
        if "count" in self.columns:
            return _counted(self.layout, _whole(self.columns["count"]), zone)
        year, first = _whole(self.columns["year"]), _whole(self.columns["first"])
        if "name" in self.columns:
            month, day = _named(self.columns["name"]), first
        else:
            second = _whole(self.columns["second"])
            month, day = (first, second) if order in ("MDY", "YMD") else (second, first)
        if order == "YMD" and self.layout == "short year":
            # The parts are called by the usual order, in which the year comes last.
            year, month, day = first, second, year
        short = self.layout == "short year" or self.layout == "day and month name"
        if short:
            year = np.where(year > 99, year, year + np.where(year <= LAST_SHORT_YEAR, 2000, 1900))
        days = _days(year, month, day, self.fits)
        return days if zone is None or "hour" not in self.columns else self._in_zone(days, zone)

    def _in_zone(self, days: np.ndarray, zone: str) -> np.ndarray:
        """Move time stamps that have a zone into another one."""
        offset = _offsets(self.columns["zone"])
        moved = ~np.isnan(offset) & ~np.isnat(days)
        if not moved.any():
            return days
        hour, minute = _whole(self.columns["hour"]), _whole(self.columns["minute"])
        late, half = (_matches(self.columns["half"], pattern) for pattern in ("^[Pp]", "^[AaPp]"))
        hour = np.where(half, hour % 12 + 12 * late, hour)
        seconds = days.astype("datetime64[s]").astype("int64") + hour * 3600 + minute * 60
        seconds = np.where(moved, seconds - np.nan_to_num(offset) * 60, 0).astype("int64")
        local = pc.local_timestamp(pa.array(seconds).cast(pa.timestamp("s", zone)))
        return np.where(moved, local.cast(pa.date32()).to_numpy(zero_copy_only=False), days)


@cache
def _pattern(layout: str, *, ascii_alone: bool) -> str:
    """Return the pattern of a layout; the letters of all scripts take Arrow 8 ms to compile, each time."""
    pattern = f"^{LAYOUTS[layout].pattern}$"
    return pattern.replace(r"\p{L}", "[A-Za-z]") if ascii_alone else pattern


def parts(text: pa.Array, layout: str) -> Parts:
    """Find the parts of dates in a layout.

    Args:
        text: shape (n,), strings without null.
        layout: a name of `LAYOUTS`.
    """
    ascii_alone = pc.all(pc.string_is_ascii(text), min_count=0).as_py()
    found = pc.extract_regex(text, pattern=_pattern(layout, ascii_alone=ascii_alone))
    columns = dict(zip([field.name for field in found.type], found.flatten(), strict=True))
    fits = pc.is_valid(found)
    if "sign" in columns:
        fits = pc.and_(fits, pc.fill_null(pc.equal(columns["sign"], columns["again"]), False))
    return Parts(layout, fits.to_numpy(zero_copy_only=False), columns)


def called(layout: str, order: str, sign: str) -> str:
    """Return what a way to write dates is called, for people and for declarations.

    >>> called("year last", "DMY", "."), called("year first", "YMD", "-"), called("short year", "MDY", "/")
    ('D.M.YYYY', 'YYYY-MM-DD', 'M/D/YY')
    """
    special = next((name for name, one in SPECIAL.items() if one == layout), None)
    if special is not None:
        return special
    if layout == "year first":
        return f"YYYY{sign}MM{sign}DD"
    year = "YYYY" if layout == "year last" else "YY"
    return sign.join(year if part == "Y" else part for part in order)


def _matches(text: pa.Array, pattern: str) -> np.ndarray:
    return pc.fill_null(pc.match_substring_regex(text, pattern), False).to_numpy(zero_copy_only=False)


def _whole(text: pa.Array) -> np.ndarray:
    """Return whole numbers; 0 where there is none."""
    given = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
    return pc.fill_null(given.cast(pa.int64()), 0).to_numpy(zero_copy_only=False)


def _named(names: pa.Array) -> np.ndarray:
    """Return the numbers of months by their names; 0 where there is no such month."""
    known = month_names()
    at = pc.index_in(pc.utf8_lower(names), pa.array(list(known), pa.string()))
    return pc.fill_null(pa.array(list(known.values())).take(at), 0).to_numpy(zero_copy_only=False)


def _days(year: np.ndarray, month: np.ndarray, day: np.ndarray, fits: np.ndarray) -> np.ndarray:
    sound = fits & (year >= FIRST_YEAR) & (year <= LAST_YEAR)
    sound &= (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    months = np.where(sound, (year - 1970) * 12 + month - 1, 0).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + np.where(sound, day - 1, 0)
    # A day that a month does not have falls into the next one.
    sound &= days.astype("datetime64[M]") == months
    return np.where(sound, days, np.datetime64("NaT", "D"))


def _counted(layout: str, count: np.ndarray, zone: str | None) -> np.ndarray:
    if layout == "Excel days":
        days = EXCEL_EPOCH + count
    else:
        seconds = count // 1000 if layout == "milliseconds" else count
        stamps = pa.array(seconds).cast(pa.timestamp("s", zone or "UTC"))
        days = pc.local_timestamp(stamps).cast(pa.date32()).to_numpy(zero_copy_only=False)
    first, last = np.datetime64(f"{FIRST_YEAR}-01-02"), np.datetime64(f"{LAST_YEAR}-12-31")
    return np.where((days >= first) & (days <= last), days, np.datetime64("NaT", "D"))


def _offsets(zones: pa.Array) -> np.ndarray:
    """Return offsets from UTC in minutes; NaN where a time has no zone."""
    found = pc.extract_regex(zones, pattern=r"^(?P<sign>[+-])(?P<hours>\d{2}):?(?P<minutes>\d{2})?$")
    sign, hours, minutes = found.flatten()
    size = _whole(hours) * 60 + _whole(minutes)
    return np.where(_matches(zones, "."), np.where(_matches(sign, "-"), -size, size), np.nan)

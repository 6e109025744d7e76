"""Read a column of dates, with one way of writing for the whole column."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crm_assets.sources.date_forms import LAYOUTS, Parts, called, parts
from crm_assets.sources.texts import Texts, example

# So few values of the other order are typing errors; more of them say that a column has two orders.
TYPING_ERRORS = 0.01


@dataclass(frozen=True)
class Dates:
    """A column of dates.

    Attributes:
        values: shape (n,), date32; null where the text is empty or is not read.
        form: how the column is written, for example `D/M/YYYY`; empty if it has no value.
        order: `DMY` or `MDY` if the column decided between them by its values, for others of its file.
        unreadable: shape (n,), the texts that are no date.
        other_form: shape (n,), the texts that are a date, but not written like the rest.
        note: what was decided, and why, in words that follow the column's name; None if it is plain.
        refused: why the column is not read at all, in words that follow the column's name; else None.
        open_question: whether other columns of the file may answer why it is refused.
    """

    values: pa.Array
    form: str
    unreadable: np.ndarray
    other_form: np.ndarray
    order: str | None = None
    note: str | None = None
    refused: str | None = None
    open_question: bool = False


@dataclass(frozen=True)
class _Way:
    """A way to write dates, and the texts that are written so."""

    parts: Parts
    sign: str
    fits: np.ndarray

    @property
    def orders(self) -> tuple[str, ...]:
        return LAYOUTS[self.parts.layout].orders

    def called(self, order: str) -> str:
        return called(self.parts.layout, order, self.sign)


def dates(
    column: pa.Array | pa.ChunkedArray,
    declared: str | None = None,
    zone: str | None = None,
    order: str | None = None,
    latest: date | None = None,
) -> Dates:
    """Read a column of dates.

    Args:
        column: shape (n,), strings; null or blank if empty.
        declared: how the column is written, for example `D/M/YYYY`; None to find out.
        zone: the time zone in which days count, for example `Europe/Berlin`; None for days as written.
        order: `DMY` or `MDY`, if other columns of the file have it; decides where the values cannot.
        latest: no date lies after this day; decides where the values cannot. None if unknown.

    Returns:
        The dates. If `refused` is set, they are all null.
    """
    texts = Texts.of(column)
    ways = _ways(texts)
    if declared is not None:
        ways = [way for way in ways if declared in map(way.called, way.orders)]
    if not ways:
        nothing = np.zeros(len(texts.distinct), dtype=bool)
        read = Dates(pa.nulls(len(nothing), pa.date32()), "", ~nothing, nothing)
        return _spread(replace(read, form=declared or ""), texts)
    way = max(ways, key=lambda one: (texts.count(one.fits), -list(LAYOUTS).index(one.parts.layout)))
    if declared is not None:
        chosen, decided = _declared_order(way, declared), Decision(None)
    else:
        decided = _decide(way, texts, zone, order, latest)
        chosen = decided.order or way.orders[0]
    days = np.where(way.fits, way.parts.days(chosen, zone), np.datetime64("NaT", "D"))
    elsewhere = np.zeros_like(way.fits)
    for other in ways:
        elsewhere |= other.fits & ~way.fits & _is_day(other, zone)
    read = Dates(
        pa.array(days, pa.date32()),
        way.called(chosen),
        np.isnat(days) & ~elsewhere,
        elsewhere,
        decided.order if decided.by_values else None,
        decided.note,
        decided.refused,
        decided.open_question,
    )
    return _spread(read, texts)


@dataclass(frozen=True)
class Decision:
    """Which order of day and month a column has, and why.

    Attributes:
        order: the order; None if the layout has only one, or if the column is refused.
        by_values: whether the column's own values decide.
    """

    order: str | None
    by_values: bool = False
    note: str | None = None
    refused: str | None = None
    open_question: bool = False


def _ways(texts: Texts) -> list[_Way]:
    """Return the ways in which some texts are written."""
    found: list[_Way] = []
    left = np.ones(len(texts.distinct), dtype=bool)
    for layout in LAYOUTS:
        # No text has two layouts: look first whether any of the texts that are left has this one.
        rest = texts.distinct if left.all() else texts.distinct.filter(pa.array(left))
        one = parts(rest, layout)
        if not one.fits.any():
            continue
        if len(rest) < len(left):
            one = parts(texts.distinct, layout)
        for sign in sorted(pc.unique(one.signs.filter(pa.array(one.fits))).to_pylist()):
            written = pc.fill_null(pc.equal(one.signs, sign), False).to_numpy(zero_copy_only=False)
            found.append(_Way(one, sign, one.fits & written))
        left &= ~one.fits
        if not left.any():
            break
    return found


def _is_day(way: _Way, zone: str | None) -> np.ndarray:
    return np.any([~np.isnat(way.parts.days(order, zone)) for order in way.orders], axis=0)


def _declared_order(way: _Way, declared: str) -> str:
    return next(order for order in way.orders if way.called(order) == declared)


def _decide(way: _Way, texts: Texts, zone: str | None, hint: str | None, latest: date | None) -> Decision:
    """Decide the order of day, month and year for a whole column."""
    if len(way.orders) == 1:
        return Decision(None)
    days = {
        order: np.where(way.fits, way.parts.days(order, zone), np.datetime64("NaT", "D"))
        for order in way.orders
    }
    if "YMD" in days and not _years_come_first(way, texts):
        del days["YMD"]
    elif "YMD" in days:
        days = {"YMD": days["YMD"]}
        return Decision("YMD", True, f"is read as {way.called('YMD')}: the first numbers repeat like years")
    reads = {order: ~np.isnat(one) for order, one in days.items()}
    only = {order: reads[order] & ~reads[other] for order, other in (("DMY", "MDY"), ("MDY", "DMY"))}
    counts = {order: texts.count(mask) for order, mask in only.items()}
    order = max(counts, key=lambda one: counts[one])
    other = "DMY" if order == "MDY" else "MDY"
    if counts[other] > TYPING_ERRORS * counts[order]:
        shown = " and ".join(
            f"{counts[one]:,} values only as {way.called(one)}, for example {example(texts, only[one])}"
            for one in (order, other)
        )
        return Decision(None, refused=f"mixes day and month: it reads {shown}")
    if counts[order]:
        why = f"{counts[order]:,} values have no other order, for example {example(texts, only[order])}"
        return Decision(order, True, f"is read as {way.called(order)}: {why}")
    return _undecided(way, texts, days, reads["DMY"], hint, latest)


def _undecided(
    way: _Way,
    texts: Texts,
    days: dict[str, np.ndarray],
    both: np.ndarray,
    hint: str | None,
    latest: date | None,
) -> Decision:
    """Decide an order by what is known beside the column's values, all of which have both."""
    if not (both & (days["DMY"] != days["MDY"])).any():
        return Decision("MDY")
    if hint is not None:
        return Decision(hint, False, f"is read as {way.called(hint)}, like the other dates of the file")
    if latest is not None:
        late = {order: bool((one[both] > np.datetime64(latest)).any()) for order, one in days.items()}
        if late["DMY"] != late["MDY"]:
            order, other = ("MDY", "DMY") if late["DMY"] else ("DMY", "MDY")
            why = f"as {way.called(other)} some of its dates lie in the future"
            return Decision(order, True, f"is read as {way.called(order)}: {why}")
    if way.sign == ".":
        return Decision("DMY", False, f"is read as {way.called('DMY')}, as dates with points usually are")
    why = f"reads as {way.called('MDY')} and as {way.called('DMY')} in every row"
    return Decision(None, refused=f"{why}, for example {example(texts, both)}", open_question=True)


def _years_come_first(way: _Way, texts: Texts) -> bool:
    """Return whether the first of three short numbers is the year: years repeat, days of a month vary."""
    first, last = (
        pa.array(way.parts.columns[name]).filter(pa.array(way.fits)).cast(pa.int64())
        for name in ("first", "year")
    )
    if pc.max(first).as_py() > 31:
        return True
    if pc.max(last).as_py() > 31:
        return False
    return pc.count_distinct(first).as_py() < pc.count_distinct(last).as_py()


def _spread(read: Dates, texts: Texts) -> Dates:
    """Give each row what its distinct text has."""
    values = pa.nulls(len(read.values), pa.date32()) if read.refused else read.values
    return replace(
        read,
        values=values.take(texts.indices),
        unreadable=texts.rows(read.unreadable),
        other_form=texts.rows(read.other_form),
    )

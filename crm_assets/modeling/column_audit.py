"""Which columns were written when deals closed: the within/between test of all ways to sort their values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crm_assets.crm.months import month_end
from crm_assets.crm.schema import Stage
from crm_assets.modeling.cohorts import Evidence, Moments, standard_errors, within, within_between
from crm_assets.modeling.levels import Sorting, sortings
from crm_assets.modeling.verdicts import (
    ADMISSIBLE,
    BEGINNINGS,
    CLOSE_FIT,
    DELAYS,
    DOUBTFUL_SHARE_OF_STRONGEST,
    FALSE_ALARM,
    INADMISSIBLE,
    MAX_BALANCED_STRENGTH,
    MAX_ERROR,
    MAX_HONEST_FIT,
    MAX_HONEST_SLOPE,
    MAX_SHIFT,
    MAX_SLOPE,
    MIN_DOUBTFUL_STRENGTH,
    MIN_EFFECT,
    MIN_FIT,
    MIN_SLOPE,
    MIN_SLOPE_IF_CLOSE,
    MIN_SLOPE_IF_WIDE,
    MIN_STRENGTH,
    NEAR_ONE_FROM,
    NEAR_ONE_TO,
    SHARE_OF_STRONGEST,
    UNPROVEN,
    WIDE,
    WIDE_IF_CLOSE,
)

ALL_VALUES = "all values together"
# Deals at the mean that each level's score starts from, so that a rare level does not lead.
PSEUDO_DEALS = 20
# Standard errors from which on a level counts among those that closed deals have more, or less, often.
CLEARLY = 2.5
STATUSES = 1 + 2 * len(DELAYS)


@dataclass(frozen=True)
class Window:
    """Which deals count as closed; the others count as open, as if nothing had been written to them.

    Attributes:
        delay: those that closed at least so many days before the horizon: a CRM may take its time to rewrite
            a value.
        within: those that closed fewer days before it: a CRM may rewrite values since some day only. None for
            all.
    """

    delay: int
    within: int | None = None


WINDOWS = (*map(Window, DELAYS), *(Window(0, days) for days in BEGINNINGS))


@dataclass(frozen=True)
class Deals:
    """What the test needs to know of each engaged deal; arrays of shape (deals,).

    Attributes:
        rows: its place in `opportunities`.
        cohort: month of engagement, counted from the first.
        status: 0 open; else odd where won, even where lost, and the higher the longer closed, see `DELAYS`.
        half: 0 or 1: what is learned from one half of the deals is tested on the other.
        first_month: the first cohort, `YYYY-MM`.
    """

    rows: np.ndarray
    cohort: np.ndarray
    status: np.ndarray
    half: np.ndarray
    first_month: str


def engaged_deals(opportunities: pd.DataFrame, horizon: str) -> Deals:
    """Return the deals engaged by the horizon; what closes after it counts as open.

    Args:
        opportunities: columns `opportunity_id`, `stage`, `engage_date`, `close_date`.
        horizon: last month that the data covers.
    """
    end = pd.Timestamp(month_end(horizon))
    engaged, closed = (pd.to_datetime(opportunities[name]) for name in ("engage_date", "close_date"))
    rows = np.flatnonzero(engaged.le(end))
    month = engaged.iloc[rows].dt.year.to_numpy() * 12 + engaged.iloc[rows].dt.month.to_numpy() - 1
    first = int(month.min()) if len(rows) else 0
    age = (end - closed.iloc[rows]).dt.days.fillna(-1).to_numpy()
    bucket = np.searchsorted(DELAYS, age, side="right") - 1
    lost = opportunities["stage"].iloc[rows].ne(Stage.WON.value).to_numpy()
    names = opportunities["opportunity_id"].iloc[rows].to_numpy()
    return Deals(
        rows=rows,
        cohort=(month - first).astype("int64"),
        status=np.where(bucket < 0, 0, 1 + lost + 2 * bucket).astype("int64"),
        half=(pd.util.hash_array(names, categorize=False) % 2).astype("int64"),
        first_month=f"{first // 12:04d}-{first % 12 + 1:02d}",
    )


def merge_of(window: Window) -> np.ndarray:
    """Return what each status of `Deals` is: 0 open, or closed outside the window; 1 won; 2 lost."""
    fine = np.arange(STATUSES)
    bucket = (fine - 1) // 2
    outside = bucket < DELAYS.index(window.delay)
    if window.within is not None:
        outside |= bucket >= DELAYS.index(window.within)
    return np.where((fine == 0) | outside, 0, 1 + (fine - 1) % 2)


def audit_columns(columns: pd.DataFrame, deals: Deals) -> pd.DataFrame:
    """Judge each level of each column.

    Args:
        columns: the columns of `opportunities` to judge, one row per deal of it.
        deals: of the same `opportunities`.

    Returns:
        One row per column, level and window: `column`, `sorting` (a number), `level`, `delay` and `within`
        (days; NaN for all), the fields of `Evidence`, and `verdict`.
    """
    looked_at = []
    for name in columns.columns:
        found = _looked_at_in(columns[name].iloc[deals.rows], deals)
        looked_at += [(name, *rest) for rest in found]
    if not looked_at:
        empty: list[str] = ["column", "sorting", "level", "delay", "within", *vars_of_evidence(), "verdict"]
        return pd.DataFrame({name: [] for name in empty})
    repeats = [len(names) for _, _, _, names, _ in looked_at]
    table = pd.DataFrame(
        {
            "column": np.repeat([row[0] for row in looked_at], repeats),
            "sorting": np.repeat([row[1] for row in looked_at], repeats),
            "level": np.concatenate([np.array(row[3], dtype=object) for row in looked_at]),
            "delay": np.repeat([row[2].delay for row in looked_at], repeats),
            "within": np.repeat([row[2].within or np.nan for row in looked_at], repeats),
            **{
                field: np.concatenate([getattr(row[4], field) for row in looked_at])
                for field in vars_of_evidence()
            },
        }
    )
    return table.assign(verdict=_verdicts(table))


def vars_of_evidence() -> list[str]:
    """Return the names of the fields of `Evidence`, in order."""
    return list(Evidence.__dataclass_fields__)


def counts(sorting: Sorting, deals: Deals) -> np.ndarray:
    """Count deals by half, cohort, status and level."""
    shape = (2, int(deals.cohort.max(initial=0)) + 1, STATUSES, len(sorting.names))
    cell = np.ravel_multi_index((deals.half, deals.cohort, deals.status, sorting.codes), shape)
    return np.bincount(cell, minlength=int(np.prod(shape))).reshape(shape).astype("float64")


def _looked_at_in(column: pd.Series, deals: Deals) -> Iterator[tuple[int, Window, list[str], Evidence]]:
    for number, sorting in enumerate(sortings(column)):
        halves = counts(sorting, deals)
        for window in WINDOWS:
            merge = merge_of(window)
            of_halves = [Moments(c.sum(axis=2), c, c).merged(merge) for c in halves]
            if sorting.few:
                # Of two levels the second says the same as the first.
                shown = slice(1 if len(sorting.names) == 2 else None)
                levels = halves.sum(axis=0)
                level = Moments(levels.sum(axis=2), levels[:, :, shown], levels[:, :, shown]).merged(merge)
                yield number, window, sorting.names[shown], within_between(level)
            if len(sorting.names) > 2:
                scores = within_between(_scored(of_halves))
                yield number, window, [ALL_VALUES] * len(scores.slope), scores


def _scored(halves: list[Moments]) -> Moments:
    """Moments of scores of the levels, learned from one half of the deals and given to the other.

    A column may be rewritten to many values, none of which alone is seen.
    """
    scores = [_learned(half) for half in halves]
    given = [
        Moments(m.deals, m.sums @ score, m.sums @ score**2)
        for m, score in zip(halves, reversed(scores), strict=True)
    ]
    a, b = given
    both = Moments(a.deals + b.deals, a.sums + b.sums, a.squares + b.squares)
    spread = np.sqrt(both.squares.sum(axis=(0, 1)) / max(both.deals.sum(), 1))
    spread = np.where(spread > 0, spread, 1)
    return Moments(both.deals, both.sums / spread, both.squares / spread**2)


def _learned(m: Moments) -> np.ndarray:
    """Score each level, in each of several ways, shape (levels, ways).

    For won, lost and closed deals against open ones: how much more often they have the level; whether they
    clearly have it more often; and whether clearly less often.
    """
    effects, covariance = within(m)
    deals = max(m.deals.sum(), 1)
    weight = m.deals.sum(axis=0)[1:]
    ways = np.vstack([np.eye(len(weight)), weight / max(weight.sum(), 1)])
    error = standard_errors(ways, covariance)
    effects = ways @ effects
    share = m.sums.sum(axis=(0, 1)) / deals
    linear = effects / (share + PSEUDO_DEALS / deals)
    scores = np.vstack([linear, effects > CLEARLY * error, effects < -CLEARLY * error])
    return (scores - scores @ share[:, None]).T


def _verdicts(t: pd.DataFrame) -> np.ndarray:
    """Judge each row of the table of what was looked at; `verdicts` gives the reasons."""
    significant = t["p_value"] * len(t) < FALSE_ALARM
    # A score has no share: its effect is in standard deviations.
    large = (t["effect"] >= MIN_EFFECT) | (t["level"] == ALL_VALUES)
    strong = significant & large & (t["strength"] >= MIN_STRENGTH)
    part = t["strength"] / t["strength"].where(strong).groupby(t["column"]).transform("max")
    low, high = t["slope"] - t["error"], t["slope"] + t["error"]
    close = t["fit"] >= CLOSE_FIT
    narrow = t["error"] < np.where(close, WIDE_IF_CLOSE, WIDE)
    needed = np.where(narrow, np.where(close, MIN_SLOPE_IF_CLOSE, MIN_SLOPE), MIN_SLOPE_IF_WIDE)
    excludes_zero = (low > needed) & (t["error"] < MAX_ERROR)
    holds_one = (high > NEAR_ONE_FROM) & (low < NEAR_ONE_TO) & (t["slope"] < MAX_SLOPE)
    fits = t["fit"] >= MIN_FIT
    # Months in which more deals are won have more of a value that foretells winning, known from the start.
    balanced = t["shift"].abs() + t["shift_error"] < MAX_SHIFT * t["effect"]
    guilty = strong & excludes_zero & holds_one & fits & ~balanced & (part >= SHARE_OF_STRONGEST)
    cleared = (
        (high < MAX_HONEST_SLOPE)
        | (low > MAX_SLOPE)
        | (t["fit"] < MAX_HONEST_FIT)
        | (balanced & (t["strength"] < MAX_BALANCED_STRENGTH))
    )
    telling = (t["strength"] >= MIN_DOUBTFUL_STRENGTH) & (part >= DOUBTFUL_SHARE_OF_STRONGEST)
    return np.select([guilty, strong & telling & ~cleared], [INADMISSIBLE, UNPROVEN], ADMISSIBLE)

"""What a snapshot tells about closing: deals by group and engage day, closings and days at risk by age.

Days are counted from 1970-01-01. A deal engaged on day e has age a on day e + a, and can close on any day
from e on. Closing is observed from the first recorded close to the snapshot's last day: deals that closed
earlier are not in the dump, so earlier days say nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from crm_assets.crm.months import is_month, month_end
from crm_assets.crm.schema import CLOSED_STAGES, Stage
from crm_assets.errors import NotEnoughDataError
from crm_assets.modeling.matrix import NO_CATEGORY

# Days after this age are not looked at; bounds the memory for dumps of many years.
OLDEST = 1_500
# Positions of a month in its quarter.
SEASONS = 3
SNAPSHOT_COLUMNS = ("snapshot_month", "stage", "engage_date", "close_date")


def day_numbers(dates: pd.Series) -> np.ndarray:
    """Return dates as days since 1970-01-01, shape (n,)."""
    # Without a cache of texts: looking whether one is worth it takes longer than dates do.
    return pd.to_datetime(dates, cache=False).to_numpy(dtype="datetime64[D]").astype("int64")


def season_of(days: np.ndarray) -> np.ndarray:
    """Return the position of each day's month in its quarter, 0 to 2.

    >>> season_of(np.array([0, 31, 59, 90]))
    array([0, 1, 2, 0])
    """
    return days.astype("datetime64[D]").astype("datetime64[M]").astype("int64") % SEASONS


@lru_cache(maxsize=1024)
def last_day(moment: str) -> int:
    """Return the last day of a month, or a day itself, in days since 1970-01-01.

    >>> last_day("1970-01"), last_day("1970-01-15")
    (30, 14)
    """
    day = month_end(moment) if is_month(moment) else moment
    return int(np.datetime64(day, "D").astype("int64"))


def places(values: pd.Series | list[Any], names: list[str]) -> np.ndarray:
    """Return the position of each value in `names`, `len(names)` for values that are not there, shape (n,).

    >>> places(pd.Series(["b", None, "z", "none"]), ["a", "b", "none"]).tolist()
    [1, 2, 3, 2]
    >>> places(["b", None], ["a", "b", "none"]).tolist()
    [1, 2]
    """
    known = {name: place for place, name in enumerate(names)}
    nowhere = len(names)
    if isinstance(values, list):
        # A missing value of a posted deal is None.
        told = (NO_CATEGORY if value is None else str(value) for value in values)
        return np.array([known.get(name, nowhere) for name in told], dtype="int64")
    codes, found = pd.factorize(values)
    # Code -1 is a missing value, and takes the last entry.
    places = [known.get(str(name), nowhere) for name in found] + [known.get(NO_CATEGORY, nowhere)]
    return np.array(places, dtype="int64")[codes]


def names_in(deals: pd.DataFrame, column: str | None) -> list[str]:
    """Return the names in a column, sorted, with `none` if some are missing; none at all without a column."""
    if column is None:
        return []
    found = {str(name) for name in deals[column].dropna().unique()}
    return sorted(found | ({NO_CATEGORY} if deals[column].isna().any() else set()))


@dataclass(frozen=True)
class Observed:
    """The engaged deals of a snapshot: G groups, E engage days, A ages.

    Attributes:
        first_engaged: the first engage day.
        first_close: the first day on which a close is recorded.
        last: the snapshot's last day.
        open: number of open deals, shape (G, E).
        closed: number of closed deals, shape (G, E).
        closings: number of closings by age and season, shape (A, SEASONS).
        closed_days: days at risk of the closed deals by age and season, shape (A, SEASONS).
        seasons: 1 for each observed day of a season, shape (SEASONS, E).
        outcomes: one row per closed deal: `group`, `product`, `season`, `won`.
    """

    first_engaged: int
    first_close: int
    last: int
    open: np.ndarray
    closed: np.ndarray
    closings: np.ndarray
    closed_days: np.ndarray
    seasons: np.ndarray
    outcomes: pd.DataFrame

    @property
    def ages(self) -> int:
        """Number of ages, A."""
        return len(self.closings)


def observe(snapshot: pd.DataFrame, groups: np.ndarray, products: np.ndarray, many: int) -> Observed:
    """Count the engaged deals of a snapshot.

    Args:
        snapshot: the rows of engaged deals, `SNAPSHOT_COLUMNS` of one month of `monthly_snapshots`.
        groups: the group of each deal, 0 to `many` - 1, shape (n,).
        products: the product of each deal, shape (n,).
        many: number of groups.

    Raises:
        NotEnoughDataError: no deal is closed.
    """
    stage = snapshot["stage"].astype("category")
    closed = stage.isin([row.value for row in CLOSED_STAGES]).to_numpy()
    if not closed.any():
        raise NotEnoughDataError(
            "No deal is closed by the end of the snapshot, so nothing is known about closing days; "
            "add months of data."
        )
    last = last_day(str(snapshot["snapshot_month"].iloc[0]))
    start = day_numbers(snapshot["engage_date"])
    end = day_numbers(snapshot["close_date"][closed])
    first, first_close = int(start.min()), int(end.min())
    days = last - first + 1
    ages = min(days, OLDEST)
    cell = groups * days + (start - first)

    def counted(chosen: np.ndarray) -> np.ndarray:
        counts = np.bincount(cell[chosen], minlength=many * days)
        return counts.reshape(many, days).astype("float64")

    # A deal whose dates are in the wrong order counts as closed on its first day.
    age, season = np.maximum(end - start[closed], 0), season_of(end)
    seen = age < ages
    closings = np.bincount(age[seen] * SEASONS + season[seen], minlength=ages * SEASONS)
    day = first + np.arange(days)
    observed = day >= first_close
    return Observed(
        first_engaged=first,
        first_close=first_close,
        last=last,
        open=counted(~closed),
        closed=counted(closed),
        closings=closings.reshape(ages, SEASONS).astype("float64"),
        closed_days=_days_at_risk(start[closed] - first, np.minimum(age, ages - 1), observed, first, ages),
        seasons=np.stack([(season_of(day) == place) & observed for place in range(SEASONS)]).astype(
            "float64"
        ),
        outcomes=pd.DataFrame(
            {
                "group": groups[closed],
                "product": products[closed],
                "season": season,
                "won": (stage == Stage.WON.value).to_numpy()[closed].astype("int64"),
            }
        ),
    )


def _days_at_risk(
    start: np.ndarray, oldest: np.ndarray, observed: np.ndarray, first: int, ages: int
) -> np.ndarray:
    """Return the observed days of deals by age and season, shape (ages, SEASONS).

    Args:
        start: engage day of each deal, counted from `first`.
        oldest: the last age at which each was at risk.
        observed: whether closing was recorded on each day from `first` on.
        first: the first day.
        ages: number of ages.
    """
    days = len(observed)
    ended = np.bincount(start * ages + oldest, minlength=days * ages).reshape(days, ages)
    at_risk = np.cumsum(ended[:, ::-1], axis=1)[:, ::-1]
    place = np.arange(days)[:, None] + np.arange(ages)[None, :]
    inside = np.minimum(place, days - 1)
    seen = (place < days) & observed[inside]
    season = season_of(first + np.arange(days))[inside]
    per_season = [(at_risk * (seen & (season == which))).sum(axis=0) for which in range(SEASONS)]
    return np.stack(per_season, axis=1).astype("float64")

"""From hazards to probabilities: closable x closed by a day x won, and which factor moves a deal how far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from math import factorial

import numpy as np
from scipy.special import expit, logit

from crm_assets.modeling.hazard.factors import AGE, COHORT, FACTORS, GROUP, PRODUCT, SEASON
from crm_assets.modeling.hazard.observed import SEASONS, season_of

# Whether a factor counts, 1 or 0.
Counts = float | np.ndarray

# "Ever" follows the calendar for a year; what is open then closes later, with the share won of all seasons.
YEAR = 366
# Pushes look at all sets of factors at once: so many deals fit into a core's cache.
ROWS_AT_A_TIME = 4_096
# So few engage days are looked up one by one.
FEW = 32


@dataclass(frozen=True)
class Parts:
    """The fitted parts of the model, G groups and P products; the last place of both is for unknown names.

    Attributes:
        stays: log of the chance to stay open for a day by age and season, shape (A, SEASONS).
        stays_pooled: the same for all seasons together, shape (A,).
        overall: closable share of all deals, in log-odds.
        of_group: how the group differs, in log-odds, shape (G + 1,).
        of_cohort: how the group's deals of an engage day differ from the group, shape (G + 1, E).
        won: share won of all closed deals, in log-odds.
        won_season: how a season's closings differ, shape (SEASONS,).
        won_group: how the group differs, shape (G + 1,).
        won_product: how the product differs, shape (P + 1,).
        first_engaged: the first engage day.
        first_close: the first observed day.
        usual_age: median age of the open deals, in days.
    """

    stays: np.ndarray
    stays_pooled: np.ndarray
    overall: float
    of_group: np.ndarray
    of_cohort: np.ndarray
    won: float
    won_season: np.ndarray
    won_group: np.ndarray
    won_product: np.ndarray
    first_engaged: int
    first_close: int
    usual_age: int

    def closable(self, deals: Deals, group: Counts, cohort: Counts) -> np.ndarray:
        """Return the chance that each deal ever closes, as of its engage day, shape (n,).

        Args:
            deals: the deals.
            group: 1 if the factor counts, 0 if not; or several of these, shape (k, 1), for a result (k, n).
            cohort: the same.
        """
        place = deals.engaged - self.first_engaged
        known = (place >= 0) & (place < self.of_cohort.shape[1])
        of_cohort = np.where(known, self.of_cohort[deals.group, np.where(known, place, 0)], 0.0)
        return expit(self.overall + group * self.of_group[deals.group] + cohort * of_cohort)

    def share_won(self, deals: Deals, group: Counts, product: Counts, season: Counts) -> np.ndarray:
        """Return the share won of closings by season, and after a year, shape (n, SEASONS + 1).

        Args:
            deals: the deals.
            group: 1 if the factor counts, 0 if not; or several of these, shape (k, 1), for a result
                (k, n, SEASONS + 1).
            product: the same.
            season: the same.
        """
        odds = self.won + group * self.won_group[deals.group] + product * self.won_product[deals.product]
        of_season = np.append(self.won_season, 0.0)
        return expit(odds[..., None] + np.asarray(season)[..., None] * of_season)

    def stays_open(
        self, engaged: np.ndarray, day: np.ndarray, factors: Sequence[str]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the log of the chance to stay open on days, shape (engage days, days), and their seasons."""
        age, season = day[None, :] - engaged[:, None], season_of(day)
        place = np.clip(age, 0, len(self.stays) - 1)
        stays = self.stays[place, season[None, :]] if SEASON in factors else self.stays_pooled[place]
        return np.where(age >= 0, stays, 0.0), season

    def won_of_arriving(self, last: int, days: int) -> float:
        """Return the wins within some days if one deal of no known group or product is engaged on each.

        Args:
            last: the day before the first.
            days: how many days.
        """
        day = np.arange(last + 1, last + days + 1)
        stays, season = self.stays_open(day, day, FACTORS)
        closes = np.exp(np.cumsum(stays, axis=1) - stays) * -np.expm1(stays)
        won = expit(self.won + self.won_season)[season]
        return float(expit(self.overall) * (closes * won).sum())


@dataclass(frozen=True)
class Deals:
    """Open deals of one day, n of them.

    Attributes:
        engaged: their engage days, in days since 1970-01-01, shape (n,).
        group: their place among the groups, shape (n,).
        product: their place among the products, shape (n,).
    """

    engaged: np.ndarray
    group: np.ndarray
    product: np.ndarray

    def part(self, start: int, end: int) -> Deals:
        """Return some of the deals."""
        return Deals(self.engaged[start:end], self.group[start:end], self.product[start:end])


class ByAge:
    """What the engage day alone says of a deal: computed once for each day, and kept."""

    def __init__(self, parts: Parts, day: int, days: Sequence[int | None], factors: Sequence[str]) -> None:
        self._parts, self._day, self._days, self._factors = parts, day, days, factors
        self._most = max(YEAR if reach is None else reach for reach in days)
        self._known: dict[int, tuple[float, np.ndarray]] = {}

    def __call__(self, engaged: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what holds for some engage days, E of them, and the place of each deal among them.

        Returns:
            The chance of a closable deal to be open still, shape (E,); to close within each horizon, in each
            season and later, shape (horizons, E, SEASONS + 1); and the places, shape (n,).
        """
        parts = self._parts
        if AGE not in self._factors:
            days, row = np.array([self._day - parts.usual_age]), np.zeros(len(engaged), dtype="int64")
        else:
            # Beyond these days nothing depends on the age any more.
            oldest = parts.first_close - len(parts.stays) + 1
            inside = np.minimum(np.maximum(engaged, oldest), self._day + self._most + 1)
            if len(inside) > FEW:
                days, row = np.unique(inside, return_inverse=True)
            else:
                days, row = inside, np.arange(len(inside))
        wanted = days.tolist()
        if new := [day for day in dict.fromkeys(wanted) if day not in self._known]:
            self._learn(new)
        found = [self._known[day] for day in wanted]
        return np.array([stays for stays, _ in found]), np.stack([ends for _, ends in found], axis=1), row

    def _learn(self, engaged: list[int]) -> None:
        days = np.array(engaged)
        # Ages before a deal was engaged do not count.
        past = np.arange(self._parts.first_close, self._day + 1)
        still_open = np.exp(self._parts.stays_open(days, past, self._factors)[0].sum(axis=1))
        closes = np.stack(self._closes(days), axis=1)
        self._known.update(zip(engaged, zip(still_open.tolist(), closes, strict=True), strict=True))

    def _closes(self, engaged: np.ndarray) -> list[np.ndarray]:
        """Return for each horizon the chance of a closable deal to close in each season, and later."""
        ahead = np.arange(self._day + 1, self._day + self._most + 1)
        stays, season = self._parts.stays_open(engaged, ahead, self._factors)
        open_before = np.exp(np.cumsum(stays, axis=1) - stays)
        closes = open_before * -np.expm1(stays)
        found = []
        for reach in self._days:
            inside = np.arange(self._most) < (self._most if reach is None else reach)
            parts = [(closes * (inside & (season == which))).sum(axis=1) for which in range(SEASONS)]
            later = np.exp(stays.sum(axis=1)) if reach is None else np.zeros(len(engaged))
            found.append(np.stack([*parts, later], axis=1))
        return found


class Chances:
    """The chances of deals that are open on one day; what only depends on the engage day is kept."""

    def __init__(self, parts: Parts, day: int, days: Sequence[int | None], factors: Sequence[str]) -> None:
        """Prepare for any deals of the day.

        Args:
            parts: the fitted model.
            day: the day whose end the deals are open at, in days since 1970-01-01.
            days: how many days to look ahead; None means ever.
            factors: the factors that count; without one, every deal has its usual value.
        """
        self._parts, self._factors = parts, tuple(factors)
        self._counts = {factor: float(factor in factors) for factor in FACTORS}
        self._at = (parts, day)
        self._days = tuple(days)
        self._by_age = ByAge(parts, day, self._days, self._factors)

    def won_by(self, deals: Deals) -> np.ndarray:
        """Return the probability to be won within each number of days, shape (n, len(days))."""
        still_open, closes, row = self._by_age(deals.engaged)
        counts = self._counts
        maybe = self._parts.closable(deals, counts[GROUP], counts[COHORT])
        survived = maybe * still_open[row]
        still = survived / (survived + 1 - maybe)
        won = self._parts.share_won(deals, counts[GROUP], counts[PRODUCT], counts[SEASON])
        return np.stack([still * (part[row] * won).sum(axis=1) for part in closes], axis=1)

    def pushes(self, deals: Deals) -> np.ndarray:
        """Return how far each factor moves each deal from the usual deal, shape (n, len(factors)).

        Shapley values over the factors (Shapley, A Value for n-Person Games, 1953), computed exactly, in
        log-odds of the first number of days: they add up to the distance between the deal's log-odds and the
        usual deal's.
        """
        many = len(deals.engaged)
        if not self._factors:
            return np.zeros((many, 0))
        starts = range(0, max(many, 1), ROWS_AT_A_TIME)
        return np.concatenate([self._pushes(deals.part(start, start + ROWS_AT_A_TIME)) for start in starts])

    def _pushes(self, deals: Deals) -> np.ndarray:
        game, parts = self._game, self._parts
        maybe = parts.closable(deals, *game.closable)[game.of_closable]
        won = parts.share_won(deals, *game.won)[game.of_won]
        aged = [by_age(deals.engaged) for by_age in game.by_age]
        still_open = np.stack([chance[row] for chance, _, row in aged])[game.of_age]
        closes = np.stack([part[0][row] for _, part, row in aged])[game.of_age]
        survived = maybe * still_open
        still = survived / (survived + 1 - maybe)
        value = logit(still * (closes * won).sum(axis=2))
        # In the order of the sets, so that the digits do not depend on how many deals there are.
        return (game.weight * (value[game.joined] - value[game.without])).sum(axis=0).T

    @cached_property
    def _game(self) -> _Game:
        return _Game(*self._at, self._days[:1], self._factors)


class _Game:
    """All sets of factors, and what each needs: parts that several sets share are computed once."""

    def __init__(self, parts: Parts, day: int, days: Sequence[int | None], factors: Sequence[str]) -> None:
        many = len(factors)
        sets = [frozenset(chosen) for size in range(many + 1) for chosen in combinations(factors, size)]
        place = {chosen: number for number, chosen in enumerate(sets)}
        closable, self.of_closable = _distinct(sets, (GROUP, COHORT))
        won, self.of_won = _distinct(sets, (GROUP, PRODUCT, SEASON))
        ages, self.of_age = _distinct(sets, (AGE, SEASON))
        self.closable = _counts(closable, (GROUP, COHORT))
        self.won = _counts(won, (GROUP, PRODUCT, SEASON))
        self.by_age = [ByAge(parts, day, days, chosen) for chosen in ages]
        lacking = [[chosen for chosen in sets if factor not in chosen] for factor in factors]
        # Shape (sets without the factor, factors), and another axis for deals.
        self.without = np.array([[place[one] for one in of] for of in lacking]).T.reshape(-1, many)
        self.joined = np.array(
            [[place[one | {factor}] for one in of] for factor, of in zip(factors, lacking, strict=True)]
        ).T.reshape(-1, many)
        weights = [[factorial(len(one)) * factorial(many - len(one) - 1) for one in of] for of in lacking]
        self.weight = (np.array(weights).T.reshape(-1, many) / factorial(many))[:, :, None]


def _distinct(sets: Sequence[frozenset[str]], of: Sequence[str]) -> tuple[list[tuple[str, ...]], np.ndarray]:
    """Return the distinct parts of sets that lie among some factors, and the place of each set's part."""
    parts = [tuple(factor for factor in of if factor in chosen) for chosen in sets]
    found = sorted(set(parts))
    return found, np.array([found.index(part) for part in parts])


def _counts(sets: Sequence[tuple[str, ...]], of: Sequence[str]) -> list[np.ndarray]:
    """Return for each factor whether it counts in each set, shape (sets, 1)."""
    return [np.array([[float(factor in chosen)] for chosen in sets]) for factor in of]

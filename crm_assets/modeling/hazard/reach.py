"""From hazards to probabilities: closable x closed by a day x won, and which factor moves a deal how far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import factorial

import numpy as np
from scipy.special import expit, logit

from crm_assets.modeling.hazard.factors import AGE, COHORT, FACTORS, GROUP, PRODUCT, SEASON
from crm_assets.modeling.hazard.observed import SEASONS, season_of

# "Ever" follows the calendar for a year; what is open then closes later, with the share won of all seasons.
YEAR = 366


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

    def won_by(
        self,
        deals: Deals,
        days: Sequence[int | None],
        factors: Sequence[str] = FACTORS,
    ) -> np.ndarray:
        """Return the probability to be won within some days after the deals' day, shape (n, len(days)).

        Args:
            deals: open deals of one day.
            days: numbers of days; None means ever.
            factors: the factors that count; without one, every deal has its usual value.
        """
        engaged, row = (
            np.unique(deals.engaged, return_inverse=True)
            if AGE in factors
            else (np.array([deals.day - self.usual_age]), np.zeros(len(deals.engaged), dtype="int64"))
        )
        # Ages before a deal was engaged do not count.
        past = self._stays(engaged, np.arange(self.first_close, deals.day + 1), factors)[0].sum(axis=1)
        maybe = self._closable(deals, factors)
        survived = maybe * np.exp(past)[row]
        still = survived / (survived + 1 - maybe)
        won = self._won(deals, factors)
        columns = [
            still * (part[row] * won).sum(axis=1)
            for part in self._closed_by(engaged, deals.day, days, factors)
        ]
        return np.stack(columns, axis=1)

    def _closable(self, deals: Deals, factors: Sequence[str]) -> np.ndarray:
        odds = np.full(len(deals.engaged), self.overall)
        if GROUP in factors:
            odds += self.of_group[deals.group]
        if COHORT in factors:
            place = deals.engaged - self.first_engaged
            known = (place >= 0) & (place < self.of_cohort.shape[1])
            odds += np.where(known, self.of_cohort[deals.group, np.where(known, place, 0)], 0.0)
        return expit(odds)

    def _won(self, deals: Deals, factors: Sequence[str]) -> np.ndarray:
        """Return the share won of closings by season, and after a year, shape (n, SEASONS + 1)."""
        odds = np.full(len(deals.engaged), self.won)
        if GROUP in factors:
            odds = odds + self.won_group[deals.group]
        if PRODUCT in factors:
            odds = odds + self.won_product[deals.product]
        season = np.append(self.won_season if SEASON in factors else np.zeros(SEASONS), 0.0)
        return expit(odds[:, None] + season[None, :])

    def _stays(
        self, engaged: np.ndarray, day: np.ndarray, factors: Sequence[str]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the log of the chance to stay open on days, shape (engage days, days), and their seasons."""
        age, season = day[None, :] - engaged[:, None], season_of(day)
        place = np.clip(age, 0, len(self.stays) - 1)
        stays = self.stays[place, season[None, :]] if SEASON in factors else self.stays_pooled[place]
        return np.where(age >= 0, stays, 0.0), season

    def _closed_by(
        self, engaged: np.ndarray, last: int, days: Sequence[int | None], factors: Sequence[str]
    ) -> list[np.ndarray]:
        """Return for each horizon the chance of a closable deal to close in each season, and later."""
        most = max(YEAR if reach is None else reach for reach in days)
        stays, season = self._stays(engaged, np.arange(last + 1, last + most + 1), factors)
        open_before = np.exp(np.cumsum(stays, axis=1) - stays)
        closes = open_before * -np.expm1(stays)
        found = []
        for reach in days:
            inside = np.arange(most) < (most if reach is None else reach)
            parts = [(closes * (inside & (season == which))).sum(axis=1) for which in range(SEASONS)]
            later = np.exp(stays.sum(axis=1)) if reach is None else np.zeros(len(engaged))
            found.append(np.stack([*parts, later], axis=1))
        return found

    def won_of_arriving(self, last: int, days: int) -> float:
        """Return the wins within some days if one deal of no known group or product is engaged on each.

        Args:
            last: the day before the first.
            days: how many days.
        """
        day = np.arange(last + 1, last + days + 1)
        stays, season = self._stays(day, day, FACTORS)
        closes = np.exp(np.cumsum(stays, axis=1) - stays) * -np.expm1(stays)
        won = expit(self.won + self.won_season)[season]
        return float(expit(self.overall) * (closes * won).sum())

    def pushes(self, deals: Deals, days: int | None, factors: Sequence[str]) -> np.ndarray:
        """Return how far each factor moves each deal from the usual deal, shape (n, len(factors)).

        Shapley values over the factors (Shapley, A Value for n-Person Games, 1953), computed exactly, in
        log-odds: they add up to the distance between the deal's log-odds and the usual deal's.
        """
        many = len(factors)
        value = {
            frozenset(chosen): logit(self.won_by(deals, [days], chosen)[:, 0])
            for size in range(many + 1)
            for chosen in combinations(factors, size)
        }
        found = np.zeros((len(deals.engaged), many))
        for column, factor in enumerate(factors):
            for without, said in value.items():
                if factor not in without:
                    size = len(without)
                    weight = factorial(size) * factorial(many - size - 1) / factorial(many)
                    found[:, column] += weight * (value[without | {factor}] - said)
        return found


@dataclass(frozen=True)
class Deals:
    """Open deals of one day, n of them.

    Attributes:
        day: the day whose end they are open at, in days since 1970-01-01.
        engaged: their engage days, shape (n,).
        group: their place among the groups, shape (n,).
        product: their place among the products, shape (n,).
    """

    day: int
    engaged: np.ndarray
    group: np.ndarray
    product: np.ndarray

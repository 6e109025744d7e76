"""The tripwire: have the champion's scores of the newest month collapsed?

A leak that no audit sees shows at the newest month: there, the deals that will close have not closed yet, so
that nothing has been written to them. A champion that has learned from what is written takes them for deals
that never close. The check lets the champion score the newest month and the months before it as if all were
of the same season and had deals of the same ages, so that only the other features can make a difference. It
then gives the newest deals the values of earlier deals, one feature at a time, to see which one explains it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from crm_assets.crm.months import month_of_quarter, shift
from crm_assets.modeling.training_rows import DEAL, MONTH
from crm_assets.modeling.verdicts import COLLAPSED_ERRORS, COLLAPSED_RATIO

AGE, SEASON = "days_open", "month_of_quarter"
# A quarter has this many seasons: the places of the month that is predicted.
SEASONS = 3
# Upper ends of the ages, in days, within which deals count as equally old; fewer deals of an age say nothing.
AGES = (3, 7, 14, 21, 30, 45, 60, 90, 120, 180)
MIN_DEALS = 10
# How many months before the newest one are compared with, and the fewest that are enough.
WINDOW, LEAST = 6, 3
# Of more deals, these are enough: the mean score is then known to two hundredths of itself.
MOST_DEALS = 5_000
SEED = 0
# How many features a sentence names.
SHOWN = 3

Scorer = Callable[[pd.DataFrame], np.ndarray]


@dataclass(frozen=True)
class Comparison:
    """The newest month beside the months before it.

    Attributes:
        month: the newest month.
        scores: mean score of each month, at the ages of the newest one, the newest one last.
        error: standard error of the difference between the newest month and the lowest before it.
        deals: how many deals of the newest month are compared.
        explained: if the score has collapsed, the part of the fall that disappears with the earlier values
            of a feature, most first: `feature`, `explains`.
    """

    month: str
    scores: dict[str, float]
    error: float
    deals: int
    explained: pd.DataFrame

    @property
    def lowest(self) -> str:
        """The month with the lowest score before the newest one."""
        before = {month: score for month, score in self.scores.items() if month != self.month}
        return min(before, key=before.__getitem__)

    @property
    def ratio(self) -> float:
        """The newest score over the lowest one before it."""
        return self.scores[self.month] / self.scores[self.lowest]

    @property
    def collapsed(self) -> bool:
        """Whether the newest score lies below all others by more than chance and a steady fall explain."""
        fall = self.scores[self.lowest] - self.scores[self.month]
        return self.ratio < COLLAPSED_RATIO and fall > COLLAPSED_ERRORS * self.error


def compare(months: Mapping[str, pd.DataFrame], features: list[str], score: Scorer) -> Comparison | None:
    """Compare the newest month with the months before it.

    Args:
        months: rows of `win_features` by month, the newest last.
        features: the features that the champion uses.
        score: gives the champion's probability of each row.

    Returns:
        The comparison; None if there are too few months or deals to compare with.
    """
    rows = {month: _some(frame) for month, frame in months.items()}
    newest = list(rows)[-1]
    scores = {month: _scores(frame, score, newest) for month, frame in rows.items() if len(frame)}
    if newest not in scores:
        return None
    of_ages = [np.bincount(_age(rows[month]), minlength=len(AGES) + 1) for month in scores]
    # An age that one of the months lacks would count in the others alone.
    weights = np.where(np.min(of_ages, axis=0) >= MIN_DEALS, of_ages[-1], 0)
    found = {month: _at_ages(_age(rows[month]), p, weights) for month, p in scores.items()}
    means = {month: mean for month, (mean, _) in found.items() if mean > 0}
    if len(means) <= LEAST or newest not in means:
        return None
    lowest = min((month for month in means if month != newest), key=means.__getitem__)
    before = pd.concat([rows[month] for month in means if month != newest], ignore_index=True)
    own = rows[newest][weights[_age(rows[newest])] > 0]
    error = float(np.hypot(found[newest][1], found[lowest][1]))
    compared = Comparison(newest, means, error, len(own), _explained(own, before, [], score, 0, 0))
    if not compared.collapsed:
        return compared
    # It takes most of the time, so that only a fall is explained.
    fall = means[newest], means[lowest]
    return replace(compared, explained=_explained(own, before, features, score, *fall))


def _some(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the deals of a month, or a part of them that is the same in each run."""
    if len(rows) <= MOST_DEALS:
        return rows
    order = np.argsort(pd.util.hash_array(rows[DEAL].to_numpy(dtype=object), categorize=False), kind="stable")
    return rows.iloc[np.sort(order[:MOST_DEALS])]


def _scores(rows: pd.DataFrame, score: Scorer, newest: str) -> np.ndarray:
    """Return the mean score of each deal as of the newest month and of the two before it: of all seasons."""
    months = [shift(newest, -back) for back in range(SEASONS)]
    seasons = [{MONTH: month, SEASON: month_of_quarter(shift(month, 1))} for month in months]
    return np.mean([score(rows.assign(**season)) for season in seasons], axis=0)


def _age(rows: pd.DataFrame) -> np.ndarray:
    return np.searchsorted(AGES, rows[AGE].to_numpy())


def _at_ages(age: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Return the mean score at given ages, and its standard error; 0 if there are no such ages."""
    deals = np.bincount(age, minlength=len(weights))
    weight = weights / max(weights.sum(), 1)
    mean = np.bincount(age, scores, len(weights)) / np.maximum(deals, 1)
    spread = np.bincount(age, (scores - mean[age]) ** 2, len(weights)) / np.maximum(deals - 1, 1)
    return float(weight @ mean), float(np.sqrt(weight**2 @ (spread / np.maximum(deals, 1))))


def _explained(
    newest: pd.DataFrame, before: pd.DataFrame, features: list[str], score: Scorer, now: float, then: float
) -> pd.DataFrame:
    """Return how much of the fall disappears with the values of earlier deals of the same age."""
    names, month = [name for name in features if name not in (AGE, SEASON)], str(newest[MONTH].iloc[0])
    like = _like(_age(newest), _age(before))
    rows = []
    for name in names:
        changed = newest.assign(**{name: before[name].to_numpy()[like]}).astype({name: before[name].dtype})
        rows.append(
            {"feature": name, "explains": (_scores(changed, score, month).mean() - now) / (then - now)}
        )
    table = pd.DataFrame(rows, columns=pd.Index(["feature", "explains"]))
    return table.sort_values(["explains", "feature"], ascending=[False, True], ignore_index=True)


def _like(age: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Draw for each deal an earlier one of the same age, or any one if there is none."""
    random = np.random.default_rng(SEED)
    drawn = random.integers(0, len(of), len(age))
    for one in np.unique(age):
        there = np.flatnonzero(of == one)
        if len(there):
            drawn[age == one] = random.choice(there, int((age == one).sum()))
    return drawn

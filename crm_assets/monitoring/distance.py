"""How far the values of a month lie from those of a reference, and how far is too far.

The measure is the Jensen-Shannon distance, whose size does not depend on the number of rows. What chance
adds to it does: eight times its square, over `1/n + 1/m` for samples of n and m rows, follows a chi-square
distribution if both have one law, as Pearson's statistic does, to which it is equal for small differences.
Here this is the *evidence*. A distance must be larger than

- chance explains at the number of rows at hand;
- the months of the reference usually are from each other, as far as chance does not explain that: months of
  one business differ;
- what matters, however many rows prove it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.spatial.distance import jensenshannon
from scipy.stats import binom, chi2

# The chance that one column without drift is flagged against one reference.
FALSE_RATE = 0.001
# A month may be this much further off than any month of the reference, beyond what chance explains.
TOLERANCE = 1.5
# What matters: a distance of all values or of one; or a value whose share, or a number of rows that, changes
# by this factor.
MATTERS, FACTOR = 0.05, 1.5
# Chance explains what months of the past differ by, unless that is less probable than this.
LUCK = 0.05
# Degrees of freedom that say that months differ by chance alone, beside those of the data.
FAITH = 10
# Evidence below or beyond this needs no exact probability.
LITTLE, EXACT = 6, 100
# The fewest values that have a distance.
LEAST = 30


@dataclass(frozen=True)
class Moved:
    """How far a column moved against one reference.

    Attributes:
        distance: Jensen-Shannon distance of all values.
        threshold: the distance from which on it counts.
        level: position of the level that moved furthest.
        strength: evidence as a multiple of what counts; 1 and more is drift.
    """

    distance: float
    threshold: float
    level: int
    strength: float


@dataclass(frozen=True)
class Usual:
    """How far months of the past were from their references.

    Attributes:
        months: how many there are.
        free: degrees of freedom of all values.
        ratios: evidence of all values over its degrees of freedom, by month.
        largest: the largest evidence of all values.
        largest_of_each: the largest evidence of each level.
        spread_of_each: how much more months usually differ in each level than by chance, if the level is a
            value that was there in all of them; else NaN.
    """

    months: int
    free: int
    ratios: np.ndarray
    largest: float
    largest_of_each: np.ndarray | float
    spread_of_each: np.ndarray | float = 1.0

    @property
    def spread(self) -> float:
        """How much more months usually differ than by chance; drawn to 1 if little tells."""
        known = self.free * len(self.ratios)
        return max(1.0, (known * float(np.median(self.ratios)) + FAITH) / (known + FAITH))


NOTHING_USUAL = Usual(0, 1, np.ones(1), 0.0, 0.0)


def whole(months: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Return the Jensen-Shannon distance of counts of the same levels, 0 to 0.83, by row.

    >>> whole(np.array([[1, 1], [1, 0]]), np.array([[2, 2], [0, 2]])).round(3).tolist()
    [0.0, 0.833]
    """
    there = (months.sum(axis=-1) > 0) & (references.sum(axis=-1) > 0)
    # Nothing is as far from nothing as it is from anything: no distance.
    one, other = (np.where(there[..., None], counts, 1.0) for counts in (months, references))
    return _jensen_shannon(one, other, -1)


def _jensen_shannon(one: np.ndarray, other: np.ndarray, axis: int) -> np.ndarray:
    # Its stub does not know the axis.
    distance: Any = jensenshannon
    with np.errstate(invalid="ignore"):
        # Of equal shares, rounding can leave a square just below 0.
        return np.nan_to_num(distance(one, other, axis=axis))


def by_level(months: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Return the Jensen-Shannon distance of each level against all others together.

    The last level is that of missing values, which the shares of the others leave out.
    """
    one, other = (np.stack([share, 1 - share]) for share in (shares(months), shares(references)))
    return _jensen_shannon(one, other, 0)


def shares(counts: np.ndarray) -> np.ndarray:
    """Return the share of each level among the values that are there; of the last one among all rows.

    >>> shares(np.array([3, 1, 4])).tolist()
    [0.75, 0.25, 0.5]
    """
    return counts / np.maximum(rows_of(counts), 1)


def rows_of(counts: np.ndarray) -> np.ndarray:
    """Return the number of rows that each level is a share of."""
    there = np.repeat(counts[..., :-1].sum(axis=-1, keepdims=True), counts.shape[-1] - 1, axis=-1)
    return np.concatenate([there, counts.sum(axis=-1, keepdims=True)], axis=-1)


def moved(month: np.ndarray, reference: np.ndarray, usual: Usual) -> Moved:
    """Return how far a month is from its reference.

    Args:
        month: counts of the levels; the last level is that of missing values, which the distance of all
            values leaves out.
        reference: counts of the levels in the reference.
        usual: how far months usually are from their references.
    """
    levels = _levels(month, reference)
    there, others = month[:-1], reference[:-1]
    distance, of_each = float(whole(there, others)), by_level(month, reference)
    free = _levels(there, others) - 1
    pairs = max(usual.months, 1)
    most, needed = _chance(LUCK / pairs, free) * usual.spread, _chance(FALSE_RATE / 2, free)
    needed = max(needed * usual.spread, needed + TOLERANCE**2 * max(usual.largest - most, 0.0))
    needed_of_each = _chance(FALSE_RATE / 2 / levels)
    # Levels that come and go, such as agents who join, excuse each other, and none that stays.
    stays = (month > 0) & ~np.isnan(usual.spread_of_each)
    wide = np.where(stays, usual.spread_of_each, usual.spread)
    beyond = TOLERANCE**2 * np.maximum(usual.largest_of_each - _chance(LUCK / pairs / levels) * wide, 0.0)
    needed_of_each = np.maximum(needed_of_each * wide, needed_of_each + beyond)
    threshold = max(float(np.sqrt(needed * noise(there.sum(), others.sum()) / 8)), MATTERS)
    matters = (of_each >= MATTERS) | _factor(month, reference)
    of_levels = np.where(matters, _evidence_of_each(month, reference) / needed_of_each, 0.0)
    strength = (distance / threshold) ** 2 if free > 0 and there.sum() >= LEAST else 0.0
    level = int(np.argmax(of_levels if of_levels.max() > 0 else of_each))
    return Moved(distance, threshold, level, max(strength, float(of_levels.max())))


def usual_evidence(months: np.ndarray, references: np.ndarray, *, by_value: bool = True) -> Usual:
    """Return how far months of the past were from their references.

    Args:
        months: counts of the levels, shape (months, levels).
        references: counts of the levels in the reference of each month.
        by_value: whether each level is a value, with a history of its own; else the levels are bins.
    """
    if not len(months):
        return NOTHING_USUAL
    free = max(_levels(months[:, :-1].sum(axis=0), references[:, :-1].sum(axis=0)) - 1, 1)
    sums = (counts[:, :-1].sum(axis=1) for counts in (months, references))
    of_all = 8 * whole(months[:, :-1], references[:, :-1]) ** 2 / noise(*sums)
    of_each = _evidence_of_each(months, references)
    return Usual(
        len(months),
        free,
        of_all / free,
        float(of_all.max()),
        of_each.max(axis=0),
        _spread_of_each(of_each, np.all(months > 0, axis=0))
        if by_value
        else np.full(of_each.shape[1], np.nan),
    )


def _spread_of_each(evidence: np.ndarray, stays: np.ndarray) -> np.ndarray:
    """Return how much more months differ in each level than by chance, drawn to that of most levels.

    Args:
        evidence: of each level, shape (months, levels); by chance its mean is 1.
        stays: which levels are there in all months.

    Returns:
        Shape (levels,), 1 and more; NaN for the others.
    """
    own, months = evidence.mean(axis=0), len(evidence)
    middle = max(float(np.median(own[stays])), 1.0) if stays.any() else 1.0
    spread = np.maximum((months * own + FAITH * middle) / (months + FAITH), 1.0)
    return np.where(stays, spread, np.nan)


def calmer(own: Usual, all_places: Usual, typical_of_each: np.ndarray | float) -> Usual:
    """Return how far months of one place in the quarter differ, at least as far as months usually do."""
    return Usual(
        own.months,
        all_places.free,
        all_places.ratios,
        max(own.largest, float(np.median(all_places.ratios)) * all_places.free),
        np.maximum(own.largest_of_each, typical_of_each),
        all_places.spread_of_each,
    )


def typical_of_each(months: np.ndarray, references: np.ndarray) -> np.ndarray | float:
    """Return the median evidence of each level."""
    return np.median(_evidence_of_each(months, references), axis=0) if len(months) else 0.0


def _levels(month: np.ndarray, reference: np.ndarray) -> int:
    return max(int(((month > 0) | (reference > 0)).sum()), 1)


@lru_cache(1000)
def _chance(probability: float, free: int = 1) -> float:
    """Return the evidence that chance gives with a probability."""
    return float(chi2.isf(probability, max(free, 1)))


def _evidence_of_each(months: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Return the evidence of each level; of small counts, no more than their exact probability gives."""
    one, other = rows_of(months), rows_of(references)
    evidence = 8 * by_level(months, references) ** 2 / noise(one, other)
    doubtful = (evidence > LITTLE) & (evidence < EXACT)
    a, n = np.round(months[doubtful]), one[doubtful]
    both, part = a + np.round(references[doubtful]), n / (n + other[doubtful])
    # Given how many there are in both, the number in the month is binomial.
    tails = np.minimum(binom.cdf(a, both, part), binom.sf(a - 1, both, part))
    exact = chi2.isf(np.clip(2 * tails, 1e-300, 1), 1)
    evidence[doubtful] = np.minimum(evidence[doubtful], exact)
    return evidence


def rows_moved(rows: float, reference: np.ndarray, usual: list[float], pairs: int) -> float:
    """Return the evidence that a number of rows is not that of its reference, as a multiple of what counts.

    Args:
        rows: of the month.
        reference: of each month of the reference.
        usual: the evidence of what months of the past differed by at most.
        pairs: how many months of the past there are.
    """
    if not _differs_by_factor(rows, reference.mean()):
        return 0.0
    most = _chance(LUCK / max(pairs, 1))
    beyond = max([one - most for one in usual], default=0.0)
    return rows_evidence(rows, reference) / (_chance(FALSE_RATE) + TOLERANCE**2 * max(beyond, 0.0))


def rows_evidence(rows: float, reference: np.ndarray) -> float:
    """Return the chi-square of two Poisson counts: the square root makes their variance a quarter."""
    return float(4 * (np.sqrt(rows) - np.sqrt(reference.mean())) ** 2 / (1 + 1 / len(reference)))


def _differs_by_factor(one: float, other: float) -> bool:
    low, high = sorted((one + 0.5, other + 0.5))
    return high >= FACTOR * low


def noise(rows: Any, others: Any) -> Any:
    """Return the part of the variance of a difference of shares that the numbers of rows decide."""
    return 1 / np.maximum(rows, 1) + 1 / np.maximum(others, 1)


def _factor(month: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return which levels have a share that changed by `FACTOR`."""
    expected = shares(reference) * rows_of(month)
    low, high = np.minimum(month, expected) + 0.5, np.maximum(month, expected) + 0.5
    return high >= FACTOR * low

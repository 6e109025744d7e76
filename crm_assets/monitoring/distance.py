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

import numpy as np
from scipy.spatial.distance import jensenshannon
from scipy.stats import binom, chi2

# The chance that one column without drift is flagged against one reference.
FALSE_RATE = 0.002
# A month may be this much further off than any month of the reference, beyond what chance explains.
TOLERANCE = 1.5
# What matters: a distance of all values or of one; or a value whose share, or a number of rows that, changes
# by this factor.
MATTERS, FACTOR = 0.05, 1.5
# Chance explains what months of the past differ by, unless that is less probable than this.
LUCK = 0.05
# Degrees of freedom that say that months differ by chance alone, beside those of the data.
FAITH = 10
# Evidence beyond this needs no exact probability.
EXACT = 100
# The fewest values that have a distance.
LEAST = 30

# The counts of a month and of its reference.
Pair = tuple[np.ndarray, np.ndarray]


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


def whole(month: np.ndarray, reference: np.ndarray) -> float:
    """Return the Jensen-Shannon distance of two counts of the same levels, 0 to 0.83.

    >>> round(whole(np.array([1, 1]), np.array([2, 2])), 3)
    0.0
    >>> round(whole(np.array([1, 0]), np.array([0, 2])), 3)
    0.833
    """
    if not (month.sum() and reference.sum()):
        return 0.0
    return float(np.nan_to_num(jensenshannon(month, reference)))


def by_level(month: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return the Jensen-Shannon distance of each level against all others together.

    The last level is that of missing values, which the shares of the others leave out.
    """
    one, other = (np.stack([share, 1 - share]) for share in (shares(month), shares(reference)))
    return np.nan_to_num(jensenshannon(one, other, axis=0))


def shares(counts: np.ndarray) -> np.ndarray:
    """Return the share of each level among the values that are there; of the last one among all rows.

    >>> shares(np.array([3, 1, 4])).tolist()
    [0.75, 0.25, 0.5]
    """
    there = counts[:-1].sum()
    return np.append(counts[:-1] / max(there, 1), counts[-1] / max(counts.sum(), 1))


def moved(month: np.ndarray, reference: np.ndarray, pairs: list[Pair]) -> Moved:
    """Return how far a month is from its reference.

    Args:
        month: counts of the levels; the last level is that of missing values, which the distance of all
            values leaves out.
        reference: counts of the levels in the reference.
        pairs: months of the past and their references, both as counts: how far months usually move.
    """
    values, others = month[:-1], reference[:-1]
    distance, of_each = whole(values, others), by_level(month, reference)
    levels, free = _levels(month, reference), _levels(values, others) - 1
    usual = usual_evidence(pairs)
    spread = _spread(usual.ratios, usual.free)
    most = chi2.isf(LUCK / max(len(pairs), 1), max(free, 1)) * spread
    needed = chi2.isf(FALSE_RATE / 2, max(free, 1))
    needed = max(needed * spread, needed + TOLERANCE**2 * max(usual.largest - most, 0.0))
    most_of_one = chi2.isf(LUCK / max(len(pairs), 1) / levels, 1) * spread
    needed_of_one = chi2.isf(FALSE_RATE / 2 / levels, 1)
    beyond = TOLERANCE**2 * np.maximum(usual.largest_of_each - most_of_one, 0.0)
    needed_of_each = np.maximum(needed_of_one * spread, needed_of_one + beyond)
    threshold = max(float(np.sqrt(needed * noise(values, others) / 8)), MATTERS)
    matters = (of_each >= MATTERS) | _factor(month, reference)
    of_levels = np.where(matters, _evidence_of_each(of_each, month, reference) / needed_of_each, 0.0)
    enough = free > 0 and values.sum() >= LEAST
    strength = (distance / threshold) ** 2 if enough else 0.0
    level = int(np.argmax(of_levels if of_levels.max() > 0 else of_each))
    return Moved(distance, threshold, level, max(strength, float(of_levels.max())))


@dataclass(frozen=True)
class Usual:
    """How far months of the past were from their references.

    Attributes:
        ratios: evidence of all values over its degrees of freedom, by month.
        free: the degrees of freedom.
        largest: the largest evidence of all values.
        largest_of_each: the largest evidence of each level.
    """

    ratios: np.ndarray
    free: int
    largest: float
    largest_of_each: np.ndarray | float


def usual_evidence(pairs: list[Pair]) -> Usual:
    """Return how far months of the past were from their references."""
    if not pairs:
        return Usual(np.ones(1), 1, 0.0, 0.0)
    months, references = (np.sum(part, axis=0)[:-1] for part in zip(*pairs, strict=True))
    free = max(_levels(months, references) - 1, 1)
    of_all = np.array([8 * whole(a[:-1], b[:-1]) ** 2 / noise(a[:-1], b[:-1]) for a, b in pairs])
    of_each = np.array([_evidence_of_each(by_level(a, b), a, b) for a, b in pairs])
    return Usual(of_all / free, free, float(of_all.max()), of_each.max(axis=0))


def _spread(ratios: np.ndarray, free: int) -> float:
    """Return how much more months usually differ than by chance; drawn to 1 if little tells."""
    known = free * len(ratios)
    return max(1.0, (known * float(np.median(ratios)) + FAITH) / (known + FAITH))


def _levels(month: np.ndarray, reference: np.ndarray) -> int:
    return int(((month > 0) | (reference > 0)).sum())


def _evidence_of_each(distances: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the evidence of each level; of small counts, no more than their exact probability gives."""
    rows = [np.append(np.full(len(counts) - 1, counts[:-1].sum()), counts.sum()) for counts in (one, other)]
    distant = 8 * distances**2 / (1 / np.maximum(rows[0], 1) + 1 / np.maximum(rows[1], 1))
    # Given how many there are in both, the number in the month is binomial.
    both, part = one + other, rows[0] / np.maximum(rows[0] + rows[1], 1)
    tails = np.minimum(binom.cdf(one, both, part), binom.sf(one - 1, both, part))
    exact = chi2.isf(np.clip(2 * tails, 1e-300, 1), 1)
    return np.where(distant < EXACT, np.minimum(distant, exact), distant)


def rows_moved(rows: float, reference: np.ndarray, pairs: list[tuple[float, np.ndarray]]) -> float:
    """Return the evidence that a number of rows is not that of its reference, as a multiple of what counts.

    Args:
        rows: of the month.
        reference: of each month of the reference.
        pairs: numbers of rows of the past and their references.
    """
    if not _differs_by_factor(rows, reference.mean()):
        return 0.0
    most = chi2.isf(LUCK / max(len(pairs), 1), 1)
    beyond = max([rows_evidence(one, other) - most for one, other in pairs], default=0.0)
    return rows_evidence(rows, reference) / (chi2.isf(FALSE_RATE, 1) + TOLERANCE**2 * max(beyond, 0.0))


def rows_evidence(rows: float, reference: np.ndarray) -> float:
    """Return the chi-square of two Poisson counts: the square root makes their variance a quarter."""
    return float(4 * (np.sqrt(rows) - np.sqrt(reference.mean())) ** 2 / (1 + 1 / len(reference)))


def _differs_by_factor(one: float, other: float) -> bool:
    low, high = sorted((one + 0.5, other + 0.5))
    return high >= FACTOR * low


def noise(one: np.ndarray, other: np.ndarray) -> float:
    """Return the part of the variance of a difference of shares that the numbers of rows decide."""
    return 1 / max(one.sum(), 1) + 1 / max(other.sum(), 1)


def _factor(month: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return which levels have a share that changed by `FACTOR`."""
    there = np.append(np.full(len(month) - 1, month[:-1].sum()), month.sum())
    expected = shares(reference) * there
    low, high = np.minimum(month, expected) + 0.5, np.maximum(month, expected) + 0.5
    return high >= FACTOR * low

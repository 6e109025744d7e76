"""How far the values of a month lie from those of a reference, and how far is too far.

The measure is the Jensen-Shannon distance, whose size does not depend on the number of rows. What chance
adds to it does: twice eight times its square, over `1/n + 1/m` rows, follows a chi-square distribution if
both samples have one law, as Pearson's statistic does, to which it is equal for small differences. So each
distance is compared in three ways:

- with chance, at the number of rows at hand;
- with the largest distance that a month of the reference has from the others, as far as chance does not
  explain that one: months of one business differ;
- with a fixed distance below which a difference does not matter, however many rows prove it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2

# The chance that one column without drift is flagged against one reference.
FALSE_RATE = 0.002
# A month may be this much further off than any month of the reference, beyond what chance explains.
TOLERANCE = 1.5
# What matters: a distance of all values or of one; or a value whose share, or a number of rows that, changes
# by this factor.
MATTERS, FACTOR = 0.05, 1.5


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
    return float(np.nan_to_num(jensenshannon(month, reference)))


def by_level(month: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return the Jensen-Shannon distance of each level against all others together."""
    shares = [counts / max(counts.sum(), 1) for counts in (month, reference)]
    one, other = (np.stack([share, 1 - share]) for share in shares)
    return np.nan_to_num(jensenshannon(one, other, axis=0))


def moved(month: np.ndarray, reference: np.ndarray, pairs: list[tuple[np.ndarray, np.ndarray]]) -> Moved:
    """Return how far a month is from its reference.

    Args:
        month: counts of the levels.
        reference: counts of the levels in each month of the reference.
        pairs: months of the past and their references, both as counts: how far months usually move.
    """
    pooled = reference.sum(axis=0)
    used = (pooled > 0) | (month > 0)
    levels = int(used.sum())
    noise = _noise(month, pooled)
    distance, distances = whole(month, pooled), by_level(month, pooled)
    q_all = chi2.isf(FALSE_RATE / 2, max(levels - 1, 1))
    q_one = chi2.isf(FALSE_RATE / 2 / max(levels, 1), 1)
    usual = [_evidence(one, other.sum(axis=0)) for one, other in pairs]
    # What the months of the past moved beyond chance, given how many comparisons there were.
    many = max(len(pairs), 1)
    v_all = max([x - chi2.isf(0.05 / many, max(levels - 1, 1)) for x, _ in usual], default=0.0)
    v_one = max([x.max() - chi2.isf(0.05 / many / max(levels, 1), 1) for _, x in usual], default=0.0)
    needed_all = q_all + TOLERANCE**2 * max(v_all, 0.0)
    needed_one = q_one + TOLERANCE**2 * max(v_one, 0.0)
    threshold = max(np.sqrt(needed_all * noise / 8), MATTERS)
    matters = (distances >= MATTERS) | _factor(month, pooled)
    evidence = np.where(matters, 8 * distances**2 / noise / needed_one, 0.0)
    level = int(np.argmax(distances))
    strongest = int(np.argmax(evidence)) if evidence.max() > 0 else level
    strength = max((distance / threshold) ** 2, float(evidence.max()))
    return Moved(distance, float(threshold), strongest, strength)


def rows_moved(rows: float, reference: np.ndarray, pairs: list[tuple[float, np.ndarray]]) -> float:
    """Return the evidence that a number of rows is not that of its reference, as a multiple of what counts.

    Args:
        rows: of the month.
        reference: of each month of the reference.
        pairs: numbers of rows of the past and their references.
    """
    if not _differs_by_factor(rows, reference.mean()):
        return 0.0
    many = max(len(pairs), 1)
    usual = [_rows_evidence(one, other) for one, other in pairs]
    beyond = max([x - chi2.isf(0.05 / many, 1) for x in usual], default=0.0)
    return _rows_evidence(rows, reference) / (chi2.isf(FALSE_RATE, 1) + TOLERANCE**2 * max(beyond, 0.0))


def _rows_evidence(rows: float, reference: np.ndarray) -> float:
    """Return the chi-square of two Poisson counts: the square root makes their variance a quarter."""
    return float(4 * (np.sqrt(rows) - np.sqrt(reference.mean())) ** 2 / (1 + 1 / len(reference)))


def _differs_by_factor(one: float, other: float) -> bool:
    low, high = sorted((one + 0.5, other + 0.5))
    return high >= FACTOR * low


def _noise(one: np.ndarray, other: np.ndarray) -> float:
    return 1 / max(one.sum(), 1) + 1 / max(other.sum(), 1)


def _evidence(month: np.ndarray, pooled: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the chi-square of all levels and of each."""
    noise = _noise(month, pooled)
    return 8 * whole(month, pooled) ** 2 / noise, 8 * by_level(month, pooled) ** 2 / noise


def _factor(month: np.ndarray, pooled: np.ndarray) -> np.ndarray:
    """Return which levels have a share that changed by `FACTOR`."""
    rows, others = max(month.sum(), 1), max(pooled.sum(), 1)
    expected = pooled / others * rows
    low, high = np.minimum(month, expected) + 0.5, np.maximum(month, expected) + 0.5
    return high >= FACTOR * low

"""Combines forecasts by their past errors, and draws intervals as wide as past errors say.

Bates and Granger, The Combination of Forecasts (Operational Research Quarterly 1969): weights that fall with
the mean squared error so far, without covariances, which few months cannot tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

# Nobody knows a month better than this relative error.
FINEST = 0.02
# Fewer past months say too little about a method, or about the spread of months.
MONTHS_TO_WEIGH, MONTHS_TO_SPREAD = 2, 3
# The intervals hold 80 %: a tenth lies below, a tenth above.
TAIL = 0.1


def combined(forecasts: Mapping[str, float], past: Sequence[tuple[Mapping[str, float], float]]) -> float:
    """Return the mean of some forecasts, weighted by their past errors.

    Args:
        forecasts: by method, the preferred one first: it decides while no method has enough past months.
        past: forecasts of past months by method, and what came.
    """
    weights = {}
    for method in forecasts:
        errors = [_relative(said[method], came) ** 2 for said, came in past if method in said]
        if len(errors) >= MONTHS_TO_WEIGH:
            weights[method] = 1 / (float(np.mean(errors)) + FINEST**2)
    if not weights:
        return next(iter(forecasts.values()))
    return sum(weights[method] * forecasts[method] for method in weights) / sum(weights.values())


def _relative(said: float, came: float) -> float:
    return (said - came) / max(came, 1.0)


def spread(said: np.ndarray, came: np.ndarray, own: np.ndarray, months: int) -> float | None:
    """Return by how much months differ from their forecast beyond chance, as a squared share of it.

    Args:
        said: past forecasts, shape (n,).
        came: what came, shape (n,).
        own: the variance that the deals' own chances explain, shape (n,).
        months: how many months they are from.

    Returns:
        The squared share, or None if there are too few months to tell.
    """
    if months < MONTHS_TO_SPREAD:
        return None
    scale = float((said**2).sum())
    excess = float(((came - said) ** 2 - own).sum())
    # Few months make it wider, as Student's t does.
    wider = (stats.t.ppf(TAIL, months - 1) / stats.norm.ppf(TAIL)) ** 2
    return float(max(excess, 0.0) / scale * wider) if scale > 0 else 0.0


def bounds(mean: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the bounds of the interval that holds 80 % of a gamma distribution.

    Args:
        mean: expected values, shape (n,).
        variance: their variances, shape (n,).
    """
    mean, variance = np.maximum(mean, 0.0), np.maximum(variance, 1e-9)
    some = mean > 0
    shape = np.where(some, mean**2 / variance, 1.0)
    scale = np.where(some, variance / np.where(some, mean, 1.0), 1.0)
    low, high = (np.where(some, stats.gamma.ppf(at, shape, scale=scale), 0.0) for at in (TAIL, 1 - TAIL))
    return low, high

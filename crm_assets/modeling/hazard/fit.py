"""Fits by EM how fast deals close, and which share of them ever closes.

A mixture cure model (Farewell, The Use of Mixture Models for the Analysis of Survival Data with Long-Term
Survivors, Biometrics 1982) with a discrete hazard by age and season, smoothed by a kernel over age.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import correlate1d
from scipy.signal import correlate

from crm_assets.modeling.hazard.observed import Observed
from crm_assets.modeling.hazard.smoothing import SMOOTHING, Smoothing

# It moves slowly near its end, and stops when no open deal's chance to be closable moves more than this.
ROUNDS, STILL = 500, 1e-6
# A hazard of 1 would leave no survivor to divide by.
MOST = 0.999
# Beyond this many multiplications, a matrix product has threads. They wait for each other in every round,
# which takes most of the time if the cores are busy, and their number decides the last bits of the result.
ALONE = 2**19


@dataclass(frozen=True)
class Fitted:
    """What EM found: A ages, G groups, E engage days.

    Attributes:
        hazard: daily hazard of closing of a closable deal by age and season, shape (A, SEASONS).
        pooled: the same for all seasons together, shape (A,).
        closable: share of deals that close some day, by group and engage day, shape (G, E).
        of_group: the same by group, shape (G,).
        overall: the same for all deals.
        rounds: how many rounds it took.
    """

    hazard: np.ndarray
    pooled: np.ndarray
    closable: np.ndarray
    of_group: np.ndarray
    overall: float
    rounds: int


def fit(seen: Observed, how: Smoothing = SMOOTHING) -> Fitted:
    """Alternate between which open deals are closable and how fast closable deals close.

    An open deal is closable with probability k S / (k S + 1 - k): k is the closable share of its cohort, S
    the chance of a closable deal to be still open.
    """
    kernel = _kernel(seen.ages, how)
    closings = _smoothed(kernel, seen.closings)
    deals = seen.open + seen.closed
    near = _near(deals, how.window)
    # If all open deals were closable, nothing would ever move: start halfway.
    maybe = np.full_like(seen.open, 0.5)
    rounds, moved = 0, np.inf
    while moved >= STILL and rounds < ROUNDS:
        rounds += 1
        days = seen.closed_days + _open_days(seen, (seen.open * maybe).sum(axis=0))
        exposure = _smoothed(kernel, days)
        hazard, pooled = _hazards(closings, exposure, how.season)
        closable = seen.closed + seen.open * maybe
        overall = closable.sum() / deals.sum()
        of_group = (closable.sum(axis=1) + how.group * overall) / (deals.sum(axis=1) + how.group)
        share = (_near(closable, how.window) + how.cohort * of_group[:, None]) / (near + how.cohort)
        survived = share * _survival(seen, hazard)[None, :]
        before, maybe = maybe, survived / (survived + 1 - share)
        moved = np.abs((maybe - before) * (seen.open > 0)).max()
    return Fitted(hazard, pooled, share, of_group, float(overall), rounds)


def _open_days(seen: Observed, deals: np.ndarray) -> np.ndarray:
    """Return the observed days at risk of open deals by age and season, shape (A, SEASONS).

    Args:
        seen: the days.
        deals: number of open deals by engage day, shape (E,).
    """
    return np.stack([_shifted(season, deals)[: seen.ages] for season in seen.seasons], axis=1)


def _survival(seen: Observed, hazard: np.ndarray) -> np.ndarray:
    """Return the chance of a closable deal to be still open on the last day, by engage day, shape (E,)."""
    stays = np.log1p(-hazard)
    parts = [_shifted(season, stays[:, place]) for place, season in enumerate(seen.seasons)]
    return np.exp(np.minimum(sum(parts), 0.0))


def _shifted(days: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return for each shift s the sum over i of days[s + i] x weights[i], shape of `days`."""
    return correlate(days, weights, mode="full")[len(weights) - 1 :]


def _hazards(closings: np.ndarray, exposure: np.ndarray, season: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the hazard by age and season, and by age alone."""
    days = np.maximum(exposure, 0.0)
    base = closings.sum() / days.sum()
    pooled = (closings.sum(axis=1) + season * base) / (days.sum(axis=1) + season)
    by_season = (closings + season * pooled[:, None]) / (days + season)
    return np.minimum(by_season, MOST), np.minimum(pooled, MOST)


def _kernel(ages: int, how: Smoothing) -> np.ndarray:
    """Return the Gaussian weights of ages near each age, 1 at the age itself, shape (A, A)."""
    age = np.arange(ages, dtype="float64")
    width = how.width + how.growth * age
    return np.exp(-0.5 * ((age[None, :] - age[:, None]) / width[:, None]) ** 2)


def _smoothed(kernel: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the product of the kernel and counts by age and season, in products within `ALONE`."""
    ages = len(kernel)
    step = math.ceil(ages / math.ceil(ages * counts.size / ALONE))
    parts = [slice(first, first + step) for first in range(0, ages, step)]
    return np.sum([kernel[:, part] @ counts[part] for part in parts], axis=0)


def _near(counts: np.ndarray, window: float) -> np.ndarray:
    """Return Gaussian-weighted counts around each engage day, with weight 1 on the day itself."""
    reach = np.arange(-int(4 * window), int(4 * window) + 1)
    return correlate1d(counts, np.exp(-0.5 * (reach / window) ** 2), axis=1, mode="constant")


def shares_won(
    outcomes: np.ndarray, places: np.ndarray, many: int, overall: float, pseudo: float
) -> np.ndarray:
    """Return how the share won differs from that of all deals by place, in log-odds, shape (many,).

    Args:
        outcomes: 1 for won, 0 for lost, shape (n,).
        places: the place of each closed deal, 0 to `many` - 1, shape (n,).
        many: number of places.
        overall: the share won of all deals.
        pseudo: pseudo-deals with that share.
    """
    won = np.bincount(places, weights=outcomes, minlength=many) + pseudo * overall
    lost = np.bincount(places, weights=1 - outcomes, minlength=many) + pseudo * (1 - overall)
    differs = np.log(won / lost) - np.log(overall / (1 - overall))
    # A place without deals does not differ, not even by a rounding error.
    return np.where(np.bincount(places, minlength=many) > 0, differs, 0.0)

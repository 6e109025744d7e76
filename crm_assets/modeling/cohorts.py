"""The within/between test: was a value written when deals closed, or was it there from the start?

A CRM that fills in a column when a deal closes leaves the same trace as one whose column honestly foretells the
outcome: in both, closed deals look different from open ones. Cohorts tell the two apart. Of the deals engaged
in one month some have closed by now and others have not, and of an older month more have. A value that was there
from the start cannot know how many deals of its month have closed since, so its share does not follow the
month's mix of outcomes. A value that is written at closing follows it exactly.

It compares a within and a between estimator, as Hausman's test for panel data does (Econometrica 1978), in the
setting of Goodman's ecological regression (American Sociological Review 1953).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

# Mean and linear trend over cohorts, and the slope itself.
FITTED_BETWEEN = 3
FEWEST_COHORTS = FITTED_BETWEEN + 2


@dataclass(frozen=True)
class Evidence:
    """What the cohorts say of each level of a column; every array has shape (levels,).

    Attributes:
        effect: largest difference between the statuses' shares of the level within cohorts, 0 to 1.
        p_value: of the hypothesis that all statuses share the level alike within cohorts.
        slope: how far the cohorts' shares follow their mix of statuses: near 0 for what was there from the
            start, near 1 for what is written at closing; NaN where the cohorts cannot tell.
        error: standard error of the slope.
        share: share of the level among all deals, 0 to 1.
    """

    effect: np.ndarray
    p_value: np.ndarray
    slope: np.ndarray
    error: np.ndarray
    share: np.ndarray


def within_between(counts: np.ndarray) -> Evidence:
    """Hold what differs within cohorts against what differs between them.

    Args:
        counts: how many deals of each cohort, status and level there are, shape (cohorts, statuses, levels);
            the cohorts in order of time, equally spaced, and the open deals as the first status. The levels
            partition the deals: each deal is counted in one of them.

    Returns:
        The evidence of each level.
    """
    counts = counts.astype("float64")
    deals = counts.sum(axis=2)
    there = deals.sum(axis=1) > 0
    time = np.flatnonzero(there).astype("float64")
    counts, deals = counts[there], deals[there]
    size = deals.sum(axis=1)
    effects, covariance = _within(counts, deals, size)
    chi_square = np.einsum("sl,lst,tl->l", effects, np.linalg.pinv(covariance, hermitian=True), effects)
    with_open = np.vstack([np.zeros(effects.shape[1]), effects])
    slope, error = _between(counts, deals, size, effects, time)
    return Evidence(
        effect=with_open.max(axis=0) - with_open.min(axis=0),
        p_value=chi2.sf(chi_square, len(effects)),
        slope=slope,
        error=error,
        share=counts.sum(axis=(0, 1)) / size.sum(),
    )


def _within(counts: np.ndarray, deals: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least squares of the level on the closed statuses' dummies, with a fixed effect for each cohort.

    Returns:
        The effects against open deals, shape (closed statuses, levels), and their heteroskedasticity-robust
        covariance (White 1980), shape (levels, closed statuses, closed statuses).
    """
    statuses = deals.shape[1] - 1
    mix = deals[:, 1:] / size[:, None]
    # The dummies of a deal of each cohort and status, less their mean in the cohort.
    dummies = np.eye(statuses + 1)[:, 1:][None] - mix[:, None, :]
    gram = np.einsum("cs,csi,csj->ij", deals, dummies, dummies)
    inverse = np.linalg.pinv(gram, hermitian=True)
    effects = inverse @ np.einsum("csl,csi->il", counts, dummies)
    # Residuals of deals with the level and without it, by cohort and status.
    fitted = np.einsum("csi,il->csl", dummies, effects) + (counts.sum(axis=1) / size[:, None])[:, None, :]
    squares = counts * (1 - fitted) ** 2 + (deals[:, :, None] - counts) * fitted**2
    meat = np.einsum("csl,csi,csj->lij", squares, dummies, dummies)
    return effects, inverse @ meat @ inverse


def _between(
    counts: np.ndarray, deals: np.ndarray, size: np.ndarray, effects: np.ndarray, time: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Slope of the cohorts' shares on what their mix predicts, mean and trend taken out of both."""
    cohorts, levels = len(size), counts.shape[2]
    if cohorts < FEWEST_COHORTS:
        return np.full(levels, np.nan), np.full(levels, np.inf)
    actual = counts.sum(axis=1) / size[:, None]
    predicted = (deals[:, 1:] / size[:, None]) @ effects
    trend = np.column_stack([np.ones(cohorts), time])
    root = np.sqrt(size)[:, None]
    basis, _ = np.linalg.qr(root * trend)
    actual, predicted = (root * values for values in (actual, predicted))
    actual, predicted = (values - basis @ (basis.T @ values) for values in (actual, predicted))
    spread = (predicted**2).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = (actual * predicted).sum(axis=0) / spread
        residual = ((actual - slope * predicted) ** 2).sum(axis=0) / (cohorts - FITTED_BETWEEN)
        # Never below what drawing deals alone makes of a share.
        share = counts.sum(axis=(0, 1)) / size.sum()
        error = np.sqrt(np.maximum(residual, share * (1 - share)) / spread)
    return slope, error

"""The within/between test: was a value written when deals closed, or was it there from the start?

A CRM that fills in a column when a deal closes leaves the same trace as one whose column honestly foretells
the outcome: in both, closed deals look different from open ones. Cohorts tell the two apart. Of the deals
engaged in one month some have closed by now and others have not, and of an older month more have. A value
that was there from the start cannot know how many deals of its month have closed since, so its share does
not follow the month's mix of outcomes. A value that is written at closing follows it exactly.

The test compares a within and a between estimator, as Hausman's test for panel data does (Econometrica
1978), in the setting of Goodman's ecological regression (American Sociological Review 1953). Each deal is
held against the outcomes of the other deals of its cohort, never its own: the jackknife of Angrist, Imbens
and Krueger (Journal of Applied Econometrics 1999). Otherwise a cohort that by chance has more deals of a
kind that loses would have more lost deals too, and the share of an honest kind would seem to follow the mix.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2
from scipy.stats import t as student

# Mean and linear trend over cohorts, and the slope itself.
FITTED_BETWEEN = 3
FEWEST_COHORTS = FITTED_BETWEEN + 2
# The mix must differ between cohorts by so many times what drawing deals alone makes of it.
MIN_SPREAD = 2.0
# Of the interval that the slope's error stands for.
CONFIDENCE = 0.975


@dataclass(frozen=True)
class Moments:
    """Sums over the deals of each cohort and status.

    The cohorts are in order of time and equally spaced, and the open deals are the first status.

    Attributes:
        deals: how many there are, shape (cohorts, statuses).
        sums: of each quantity, shape (cohorts, statuses, quantities).
        squares: of each quantity squared, same shape. For a quantity that is 0 or 1 these are the sums.
    """

    deals: np.ndarray
    sums: np.ndarray
    squares: np.ndarray

    def merged(self, status: np.ndarray) -> Moments:
        """Return the moments with statuses put together: `status` says which new one each becomes."""
        to = np.eye(status.max() + 1)[status]
        return Moments(
            self.deals @ to,
            np.einsum("csk,st->ctk", self.sums, to),
            np.einsum("csk,st->ctk", self.squares, to),
        )


@dataclass(frozen=True)
class Evidence:
    """What the cohorts say of each quantity; every array has shape (quantities,).

    Attributes:
        effect: largest difference between the statuses' means within cohorts; of a share, 0 to 1.
        strength: how much of the variance within cohorts the statuses explain, 0 to 1.
        p_value: of the hypothesis that within cohorts all statuses have the same mean.
        slope: how far the cohorts' means follow their mix of statuses: near 0 for what was there from the
            start, near 1 for what is written at closing; NaN where the cohorts cannot tell.
        error: half the width of the slope's 95 % confidence interval; infinite where the cohorts cannot tell.
        fit: how much of the differences between a cohort's statuses is the same in all cohorts, up to 1: all
            of it where values are written at closing, little where time itself brings the difference.
        mean: over all deals.
        shift: mean of the closed deals less that of the open ones, within cohorts.
        shift_error: standard error of the shift.
    """

    effect: np.ndarray
    strength: np.ndarray
    p_value: np.ndarray
    slope: np.ndarray
    error: np.ndarray
    fit: np.ndarray
    mean: np.ndarray
    shift: np.ndarray
    shift_error: np.ndarray


def within_between(moments: Moments) -> Evidence:
    """Hold what differs within cohorts against what differs between them."""
    # A single deal has no others to be held against.
    there = moments.deals.sum(axis=1) > 1
    time = np.flatnonzero(there).astype("float64")
    kept = Moments(moments.deals[there], moments.sums[there], moments.squares[there])
    size = kept.deals.sum(axis=1)
    effects, covariance = within(kept)
    chi_square = np.einsum("sl,lst,tl->l", effects, np.linalg.pinv(covariance, hermitian=True), effects)
    with_open = np.vstack([np.zeros(effects.shape[1]), effects])
    slope, error = _between(kept, size, effects, covariance, time)
    closed = kept.deals.sum(axis=0)[1:] / max(kept.deals[:, 1:].sum(), 1)
    return Evidence(
        effect=with_open.max(axis=0) - with_open.min(axis=0),
        strength=_strength(kept, size, effects),
        p_value=chi2.sf(chi_square, len(effects)),
        slope=slope,
        error=error,
        fit=_fit(kept, size, effects),
        mean=kept.sums.sum(axis=(0, 1)) / size.sum(),
        shift=closed @ effects,
        shift_error=standard_errors(closed[None], covariance)[0],
    )


def within(m: Moments) -> tuple[np.ndarray, np.ndarray]:
    """Fit least squares of a quantity on the closed statuses' dummies, with a fixed effect for each cohort.

    Returns:
        The effects against open deals, shape (closed statuses, quantities), and their
        heteroskedasticity-robust covariance (White, Econometrica 1980), shape (quantities, closed statuses,
        closed statuses).
    """
    size = np.maximum(m.deals.sum(axis=1), 1)
    dummies = _dummies(m, size)
    gram = np.einsum("cs,csi,csj->ij", m.deals, dummies, dummies)
    inverse = np.linalg.pinv(gram, hermitian=True)
    effects = inverse @ np.einsum("csl,csi->il", m.sums, dummies)
    fitted = np.einsum("csi,il->csl", dummies, effects) + (m.sums.sum(axis=1) / size[:, None])[:, None, :]
    squares = m.squares - 2 * fitted * m.sums + fitted**2 * m.deals[:, :, None]
    meat = np.einsum("csl,csi,csj->lij", squares, dummies, dummies)
    return effects, inverse @ meat @ inverse


def standard_errors(ways: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Return the standard error of weighted sums of effects, shape (ways, quantities).

    Args:
        ways: the weights, shape (ways, closed statuses).
        covariance: of the effects, as `within` returns it.
    """
    # Rounding can make the variance of a quantity that hardly varies a little less than 0.
    return np.sqrt(np.maximum(np.einsum("ws,lst,wt->wl", ways, covariance, ways), 0))


def _dummies(m: Moments, size: np.ndarray) -> np.ndarray:
    """The dummies of a deal of each cohort and status, less their mean in the cohort."""
    mix = m.deals[:, 1:] / size[:, None]
    return np.eye(m.deals.shape[1])[:, 1:][None] - mix[:, None, :]


def _strength(m: Moments, size: np.ndarray, effects: np.ndarray) -> np.ndarray:
    total = m.squares.sum(axis=(0, 1)) - (m.sums.sum(axis=1) ** 2 / size[:, None]).sum(axis=0)
    explained = (np.einsum("csl,csi->il", m.sums, _dummies(m, size)) * effects).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(total > 0, explained / total, 0.0)


def _between(
    m: Moments, size: np.ndarray, effects: np.ndarray, covariance: np.ndarray, time: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Slope of the cohorts' means on what their mix predicts, mean and trend taken out of both."""
    cohorts, quantities = len(size), m.sums.shape[2]
    if cohorts < FEWEST_COHORTS:
        return np.full(quantities, np.nan), np.full(quantities, np.inf)
    with_open = np.vstack([np.zeros(quantities), effects])
    mean = m.sums.sum(axis=1) / size[:, None]
    predicted = (m.deals @ with_open) / size[:, None]
    # Within each cohort: variances of a deal's value and of what its status predicts, and their covariance.
    degrees = (size - 1)[:, None]
    of_value = (m.squares.sum(axis=1) - size[:, None] * mean**2) / degrees
    of_predicted = (m.deals @ with_open**2 - size[:, None] * predicted**2) / degrees
    of_both = (np.einsum("csl,sl->cl", m.sums, with_open) - size[:, None] * mean * predicted) / degrees

    root = np.sqrt(size)[:, None]
    basis, _ = np.linalg.qr(root * np.column_stack([np.ones(cohorts), time]))
    mean, predicted, mix = (
        root * values - basis @ (basis.T @ (root * values))
        for values in (mean, predicted, m.deals[:, 1:] / size[:, None])
    )
    # What a deal's own outcome adds to each sum of products.
    own = 1 - (basis**2).sum(axis=1)[:, None]
    spread = (predicted**2).sum(axis=0)
    by_chance = (own * of_predicted).sum(axis=0)
    by_error_of_effects = np.einsum("ci,lij,cj->l", mix, covariance, mix)
    with np.errstate(divide="ignore", invalid="ignore"):
        clean = spread - by_chance - by_error_of_effects
        slope = ((mean * predicted).sum(axis=0) - (own * of_both).sum(axis=0)) / clean
        inside = np.clip(slope, 0, 1)
        residual = ((mean - slope * predicted) ** 2).sum(axis=0) / (cohorts - FITTED_BETWEEN)
        # Never below what drawing deals alone makes of a cohort's mean.
        drawing = (of_value - 2 * inside * of_both + inside**2 * of_predicted).mean(axis=0)
        error = np.sqrt(np.maximum(residual, drawing) * spread) / clean
        tells = clean > (MIN_SPREAD - 1) * by_chance
    error = error * student.ppf(CONFIDENCE, cohorts - FITTED_BETWEEN)
    return np.where(tells, slope, np.nan), np.where(tells, error, np.inf)


def _fit(m: Moments, size: np.ndarray, effects: np.ndarray) -> np.ndarray:
    """How much of the differences between the statuses of a cohort is the same in all cohorts.

    Both sums of squares are freed of what drawing deals alone adds to them.
    """
    some = np.maximum(m.deals, 1)[:, :, None]
    mean = m.sums / some
    variance = (m.squares - m.sums * mean) / np.maximum(some - 1, 1)
    of_cohort = (m.sums.sum(axis=1) / size[:, None])[:, None, :]
    dummies = _dummies(m, size)
    apart = (m.deals[:, :, None] * (mean - of_cohort) ** 2).sum(axis=(0, 1))
    rest = mean - of_cohort - np.einsum("csi,il->csl", dummies, effects)
    left = (m.deals[:, :, None] * rest**2).sum(axis=(0, 1))
    share = m.deals / size[:, None]
    noise = np.where(m.deals[:, :, None] > 1, variance * (1 - share)[:, :, None], 0)
    gram = np.einsum("cs,csi,csj->ij", m.deals, dummies, dummies)
    own = m.deals * np.einsum("csi,ij,csj->cs", dummies, np.linalg.pinv(gram, hermitian=True), dummies)
    apart_noise = noise.sum(axis=(0, 1))
    left_noise = apart_noise - (own[:, :, None] * variance).sum(axis=(0, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        clean = apart - apart_noise
        return np.where(clean > 0, 1 - (left - left_noise) / clean, np.nan)

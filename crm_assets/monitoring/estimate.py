"""How good the predictions of a month will turn out, estimated before any outcome is known.

If a deal is won with its predicted probability p, then the expected outcome of each deal, and so the expected
ROC AUC, Brier score and number of wins, follow from the probabilities alone: the idea of confidence-based
performance estimation (CBPE), published with NannyML.

Its limit: it takes the probabilities at their word. It sees that the mix of deals has changed. It cannot see
that the relation between a deal and its outcome has changed: a model that is wrong and sure of itself gets a
good estimate.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
import pandas as pd

from crm_assets.crm.targets import DEFAULT_TARGET
from crm_assets.modeling.metrics import roc_auc
from crm_assets.modeling.outlook.combine import spread
from crm_assets.monitoring.tables import COVERED, OF_ESTIMATE, PERFORMANCE_ESTIMATE

# How many standard deviations around the mean hold all wins that are worth a look.
REACH = 9.0


@dataclass(frozen=True)
class Estimate:
    """An estimated measure.

    Attributes:
        measure: `roc_auc`, `brier` or `wins`.
        value: what to expect; NaN if the probabilities do not say, for example the ROC AUC of one deal.
        lower: lower end of the interval that holds what will come with a probability of `COVERED`.
        upper: its upper end.
        deals: how many deals were predicted.
    """

    measure: str
    value: float
    lower: float
    upper: float
    deals: int


def estimates(probability: np.ndarray, covered: float = COVERED) -> list[Estimate]:
    """Return the estimated ROC AUC, Brier score and wins of some deals whose outcomes are not known yet.

    The outcomes of the deals count as independent of each other, and the probabilities as right.

    Args:
        probability: calibrated probabilities of being won, shape (n,).
        covered: the probability that an interval holds what comes.

    >>> [round(one.value, 3) for one in estimates(np.array([0.5, 0.5]))]
    [0.5, 0.25, 1.0]
    """
    chance = np.asarray(probability, dtype="float64")
    deals, width = len(chance), NormalDist().inv_cdf((1 + covered) / 2)
    auc, auc_error = expected_roc_auc(chance)
    brier, brier_error = expected_brier(chance)
    fewest, most = wins_interval(chance, covered)
    return [
        Estimate("roc_auc", auc, auc - width * auc_error, min(auc + width * auc_error, 1.0), deals),
        Estimate("brier", brier, max(brier - width * brier_error, 0.0), brier + width * brier_error, deals),
        Estimate("wins", float(chance.sum()), fewest, most, deals),
    ]


def of_predictions(
    predictions: pd.DataFrame, month: str, past: Iterable[tuple[pd.Series, np.ndarray]] = ()
) -> pd.DataFrame:
    """Return the estimates for the predictions of a month.

    Args:
        predictions: columns of `crm.tables.WIN_PREDICTIONS`.
        month: the month at whose end they were made.
        past: the probabilities of months whose outcome was known by then, and the outcomes: 1, 0, or NaN.

    Returns:
        Columns of `PERFORMANCE_ESTIMATE`; empty without predictions.
    """
    if predictions.empty:
        return PERFORMANCE_ESTIMATE.arrow.empty_table().to_pandas()
    lived: dict[str, list[tuple[Estimate, float]]] = {}
    for probability, outcome in past:
        known = ~np.isnan(outcome)
        chance, won = probability.to_numpy(dtype="float64")[known], outcome[known]
        if len(won):
            squares = float(((chance - won) ** 2).mean())
            came = {"roc_auc": roc_auc(won, chance), "brier": squares, "wins": float(won.sum())}
            for one in estimates(chance):
                lived.setdefault(one.measure, []).append((one, came[one.measure]))
    made = predictions.iloc[0]
    rows = [
        {
            "snapshot_month": month,
            "forecast_month": DEFAULT_TARGET.last_month(month),
            "measure": OF_ESTIMATE.get(one.measure, one.measure),
            "said": one.value,
            "lower": one.lower,
            "upper": one.upper,
            "deals": one.deals,
            **{name: made[name] for name in ("scored_by", "algorithm", "model_version")},
        }
        for raw in estimates(predictions["probability"].to_numpy(dtype="float64"))
        for one in [widened(raw, lived.get(raw.measure, []))]
    ]
    return pd.DataFrame(rows, columns=pd.Index(PERFORMANCE_ESTIMATE.names))


def widened(estimate: Estimate, past: Sequence[tuple[Estimate, float]], covered: float = COVERED) -> Estimate:
    """Return an estimate with an interval as wide as past months say.

    The probabilities are never quite right, so past estimates strayed further than chance explains. Their
    excess, as a share of what was estimated, is added to the variance, as in the intervals of the forecast.

    Args:
        estimate: the estimate of a month.
        past: estimates of the same measure, of months whose outcome was known by then, and what came. While
            they are few, the interval stays as it is.
        covered: the probability that the interval holds what comes.
    """
    lived = [(one, came) for one, came in past if not math.isnan(one.value + came)]
    own = _variance(estimate, covered)
    if not lived or not own > 0:
        return estimate
    said, came = (
        np.array(values) for values in zip(*((one.value, came) for one, came in lived), strict=True)
    )
    variances = np.array([_variance(one, covered) for one, _ in lived])
    beyond = (spread(said, came, variances, len(lived)) or 0.0) * estimate.value**2
    wider, value = math.sqrt((own + beyond) / own), estimate.value
    most = float(estimate.deals) if estimate.measure == "wins" else 1.0
    lower, upper = (value + wider * (end - value) for end in (estimate.lower, estimate.upper))
    return replace(estimate, lower=max(lower, 0.0), upper=min(upper, most))


def _variance(estimate: Estimate, covered: float) -> float:
    """Return the variance that an interval of `estimates` stands for."""
    half = (estimate.upper - estimate.lower) / 2
    return (half / NormalDist().inv_cdf((1 + covered) / 2)) ** 2


def expected_roc_auc(probability: np.ndarray) -> tuple[float, float]:
    """Return the expected ROC AUC of some deals, and the standard error of the one that will come.

    A pair of deals i, j counts with p_i (1 - p_j), the probability that i is won and j is not. The expected
    ROC AUC is the weight of the pairs that are ranked right, plus half that of ties, over the weight of all
    pairs: a ratio of two expectations. The standard error follows from the outcomes' variances p (1 - p) and
    the derivative of the ratio by each outcome (delta method). It takes one sort, O(n log n).

    Args:
        probability: shape (n,). They rank the deals and say how likely each is won.

    Returns:
        Both NaN if no pair has a weight, for example if there is only one deal.
    """
    order = np.argsort(probability, kind="stable")
    p = probability[order]
    rest = 1 - p
    starts = np.flatnonzero(np.diff(p, prepend=-np.inf))
    tie = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(p))))
    losses, wins = (np.add.reduceat(part, starts) if len(p) else part for part in (rest, p))
    lost_below = (np.cumsum(losses) - losses / 2)[tie] - rest / 2
    won_above = (wins.sum() - np.cumsum(wins) + wins / 2)[tie] - p / 2
    pairs = p.sum() * rest.sum() - (p * rest).sum()
    if pairs <= 0:
        return float("nan"), float("nan")
    auc = float((p * lost_below).sum() / pairs)
    # By how much the right pairs, and all pairs, change when this deal is won instead of not.
    right, every = lost_below - won_above, (rest.sum() - rest) - (p.sum() - p)
    slope = (right - auc * every) / pairs
    return auc, float(math.sqrt((p * rest * slope**2).sum()))


def expected_brier(probability: np.ndarray) -> tuple[float, float]:
    """Return the expected Brier score, the mean of p (1 - p), and the standard error of what will come.

    The squared error of a deal is p^2 + y (1 - 2 p), so its variance is p (1 - p) (1 - 2 p)^2.

    Args:
        probability: shape (n,).

    Returns:
        Both NaN without deals.
    """
    if not len(probability):
        return float("nan"), float("nan")
    spread = probability * (1 - probability)
    error = math.sqrt((spread * (1 - 2 * probability) ** 2).sum()) / len(probability)
    return float(spread.mean()), error


def wins_interval(probability: np.ndarray, covered: float = COVERED) -> tuple[float, float]:
    """Return the fewest and the most wins of the central interval of a Poisson-binomial distribution.

    The distribution is the normal one with its skewness corrected (Volkova 1996; the refined normal
    approximation of Hong, On computing the distribution function for the Poisson binomial distribution,
    2013), which is exact enough from a few wins on and takes no time for any number of deals.

    Args:
        probability: shape (n,).
        covered: the probability that the interval holds what comes, at least.

    >>> wins_interval(np.full(100, 0.5))
    (44.0, 56.0)
    """
    mean, spread = float(probability.sum()), probability * (1 - probability)
    deviation = math.sqrt(spread.sum())
    if deviation == 0:
        return mean, mean
    skew = float((spread * (1 - 2 * probability)).sum()) / deviation**3
    lowest = max(math.floor(mean - REACH * deviation), 0)
    wins = np.arange(lowest, min(math.ceil(mean + REACH * deviation), len(probability)) + 1)
    z = (wins + 0.5 - mean) / deviation
    normal = np.array([NormalDist().cdf(one) for one in z])
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    below = np.maximum.accumulate(np.clip(normal + skew * (1 - z**2) * density / 6, 0, 1))
    below[-1] = 1.0
    tail = (1 - covered) / 2
    low, high = np.searchsorted(below, tail, side="right"), np.searchsorted(below, 1 - tail)
    return float(wins[low]), float(wins[high])

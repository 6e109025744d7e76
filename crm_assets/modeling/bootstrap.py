"""Standard errors by bootstrap over deals: a deal stands in several months, so its rows are drawn together.

Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 6; drawing whole clusters as in Davison
and Hinkley, Bootstrap Methods and their Application (1997), section 3.8.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from crm_assets.modeling.training_rows import DEAL

DRAWS = 200
# Of more deals, this many are drawn from: the error shrinks with the square root of the number of deals.
DEALS_USED = 20_000
SEED = 0


def auc_standard_error(predictions: pd.DataFrame, label: str) -> float:
    """Return the standard error of the ROC AUC; NaN if all outcomes are the same.

    Args:
        predictions: columns `opportunity_id`, `probability` and the label.
        label: the column with the outcome, 0 or 1.
    """
    table, shrink = _used(predictions)
    outcome = table[label].to_numpy(dtype="float64")
    if not 0 < outcome.sum() < len(outcome):
        return float("nan")
    drawn = list(_aucs(_codes(table), outcome, table["probability"].to_numpy(dtype="float64")))
    return float(np.nanstd(drawn, ddof=1)) * shrink


def auc_difference_error(
    predictions: pd.DataFrame, outcome: np.ndarray, one: np.ndarray, other: np.ndarray
) -> float:
    """Return the standard error of the difference of two ROC AUCs of the same rows.

    Args:
        predictions: column `opportunity_id`, n rows.
        outcome: 0 or 1, both among them, shape (n,).
        one: scores, shape (n,).
        other: other scores, shape (n,).
    """
    table, shrink = _used(predictions[[DEAL]].assign(outcome=outcome, one=one, other=other))
    deal, won = _codes(table), table["outcome"].to_numpy(dtype="float64")
    drawn = [
        np.array(list(_aucs(deal, won, table[name].to_numpy(dtype="float64")))) for name in ("one", "other")
    ]
    return float(np.nanstd(drawn[0] - drawn[1], ddof=1)) * shrink


def _aucs(deal: np.ndarray, outcome: np.ndarray, score: np.ndarray) -> Iterator[float]:
    """Yield the ROC AUC of each draw; deals are drawn alike for the same number of them."""
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.diff(score[order], prepend=-np.inf))
    placed, won = deal[order], outcome[order]
    return (_auc(times[placed], won, starts) for times in _draws(int(deal.max()) + 1))


def mean_standard_error(predictions: pd.DataFrame, value: np.ndarray) -> float:
    """Return the standard error of the mean of a value of each row.

    Args:
        predictions: column `opportunity_id`, n rows.
        value: shape (n,).
    """
    table, shrink = _used(predictions.assign(value=value))
    deal = _codes(table)
    sums, rows = np.bincount(deal, weights=table["value"]), np.bincount(deal)
    drawn = [(times @ sums) / (times @ rows) for times in _draws(len(rows))]
    return float(np.std(drawn, ddof=1)) * shrink


def _used(predictions: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """Return the rows of the deals that are drawn from, and by how much their error is too large."""
    deal = _codes(predictions)
    many = int(deal.max()) + 1 if len(deal) else 0
    if many <= DEALS_USED:
        return predictions, 1.0
    chosen = np.zeros(many, dtype=bool)
    chosen[np.random.default_rng(SEED).choice(many, DEALS_USED, replace=False)] = True
    return predictions[chosen[deal]], float(np.sqrt(DEALS_USED / many))


def _codes(predictions: pd.DataFrame) -> np.ndarray:
    return pd.factorize(predictions[DEAL])[0]


def _draws(deals: int) -> Iterator[np.ndarray]:
    """Yield how often each deal is drawn, shape (deals,); the same draws for the same number of deals."""
    random = np.random.default_rng(SEED)
    for _ in range(DRAWS):
        yield np.bincount(random.integers(0, deals, deals), minlength=deals).astype("float64")


def _auc(weight: np.ndarray, won: np.ndarray, starts: np.ndarray) -> float:
    """Return the ROC AUC of weighted rows that are sorted by score; `starts` are the first rows of ties."""
    wins, rest = np.add.reduceat(weight * won, starts), np.add.reduceat(weight * (1 - won), starts)
    pairs = wins.sum() * rest.sum()
    below = np.cumsum(rest) - rest / 2
    return float((wins * below).sum() / pairs) if pairs else float("nan")

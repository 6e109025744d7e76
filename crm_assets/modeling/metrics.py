"""Metrics for probabilities: ranking, sharpness, calibration."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from crm_assets.crm import targets
from crm_assets.modeling.training_rows import MONTH

METRICS = ("roc_auc", "brier", "log_loss", "ece", "expected_wins", "realized_wins")
POOLED = "pooled"
ECE_BINS = 10


def scores(outcome: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    """Return the metrics in `METRICS`.

    Args:
        outcome: shape (n,), 0 or 1.
        probability: shape (n,), 0 to 1.

    Returns:
        The metrics by name; ROC AUC is NaN if all outcomes are the same.
    """
    return {
        "roc_auc": roc_auc(outcome, probability),
        "brier": float(brier_score_loss(outcome, probability, pos_label=1)),
        "log_loss": float(log_loss(outcome, probability, labels=[0, 1])),
        "ece": expected_calibration_error(outcome, probability),
        "expected_wins": float(probability.sum()),
        "realized_wins": float(outcome.sum()),
    }


def expected_calibration_error(outcome: np.ndarray, probability: np.ndarray, bins: int = ECE_BINS) -> float:
    """Return the mean gap between predicted and realized rate over equally large bins of deals, 0 to 1.

    Equal-mass variant of Naeini et al., Obtaining Well Calibrated Probabilities Using Bayesian
    Binning (AAAI 2015).

    >>> expected_calibration_error(np.array([0, 1]), np.array([0.5, 0.5]), bins=1)
    0.0
    """
    parts = equal_parts(probability, bins)
    gaps = [len(part) * abs(probability[part].mean() - outcome[part].mean()) for part in parts]
    return float(sum(gaps) / len(probability))


def equal_parts(probability: np.ndarray, bins: int = ECE_BINS) -> list[np.ndarray]:
    """Return the positions of deals in equally large parts, from the least to the most likely deals.

    >>> [part.tolist() for part in equal_parts(np.array([0.9, 0.1, 0.5]), 2)]
    [[1, 2], [0]]
    """
    order = np.argsort(probability, kind="stable")
    return np.array_split(order, max(min(bins, len(order)), 1))


def scores_by_month(predictions: pd.DataFrame, months: list[str]) -> pd.DataFrame:
    """Return the metrics of some months, each alone and all pooled.

    Args:
        predictions: columns `snapshot_month`, the target's label, `probability`.
        months: the months to score.

    Returns:
        One row per month and one called `pooled`: `snapshot_month`, `deals` and the metrics.
    """
    chosen = predictions[predictions[MONTH].isin(months)]
    return _table([*_months(chosen), {MONTH: POOLED, "deals": len(chosen), **_scores(chosen)}])


def auc_of_months(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return `snapshot_month` and `roc_auc` of each month; NaN if all outcomes of a month are the same."""
    label = label_of(predictions)
    return pd.DataFrame(
        [
            {MONTH: str(month), "roc_auc": roc_auc(part[label].to_numpy(), part["probability"].to_numpy())}
            for month, part in predictions.groupby(MONTH, sort=True, observed=True)
        ]
    )


def pooled(predictions: pd.DataFrame, months: list[str]) -> dict[str, float]:
    """Return the metrics over some months together."""
    return _scores(predictions[predictions[MONTH].isin(months)])


def label_of(predictions: pd.DataFrame) -> str:
    """Return the column of predictions that holds the outcome: the label of their target."""
    return next(target.name for target in targets.TARGETS if target.name in predictions)


def roc_auc(outcome: np.ndarray, probability: np.ndarray) -> float:
    """Return the ROC AUC; NaN if all outcomes are the same."""
    """Return the area under the ROC curve; NaN if all outcomes are the same."""
    both = 0 < outcome.sum() < len(outcome)
    return float(roc_auc_score(outcome, probability)) if both else float("nan")


def _months(predictions: pd.DataFrame) -> list[dict[str, object]]:
    parts = predictions.groupby(MONTH, sort=True, observed=True)
    return [{MONTH: str(month), "deals": len(part), **_scores(part)} for month, part in parts]


def _table(records: list[dict[str, object]]) -> pd.DataFrame:
    return pd.DataFrame(records, columns=pd.Index([MONTH, "deals", *METRICS]))


def _scores(predictions: pd.DataFrame) -> dict[str, float]:
    outcome, probability = predictions[label_of(predictions)], predictions["probability"]
    return scores(outcome.to_numpy(dtype="int64"), probability.to_numpy(dtype="float64"))

"""Calibration: from a pipeline's score to a probability that can be added up."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.isotonic import IsotonicRegression
from sklearn.pipeline import Pipeline

from crm_assets.crm.feature_table import LABEL
from crm_assets.modeling.backtest import Split
from crm_assets.modeling.predict import win_scores

# Keeps the pipeline's order among deals that isotonic regression puts on one step.
TIE_BREAK = 1e-3


class CalibratedModel(ClassifierMixin, BaseEstimator):
    """A fitted pipeline followed by an isotonic calibrator.

    The calibrator is fitted on out-of-fold walk-forward predictions, not by `fit`: a pipeline's
    scores of its own training rows are too good to calibrate on.

    Attributes:
        pipeline: fitted, from the feature matrix to a score between 0 and 1.
        calibrator: fitted on scores, or None to leave them as they are.
    """

    def __init__(self, pipeline: Pipeline, calibrator: IsotonicRegression | None = None) -> None:
        self.pipeline = pipeline
        self.calibrator = calibrator
        self.classes_ = np.array([0, 1])

    def fit(self, X: pd.DataFrame, y: np.ndarray) -> Self:
        """Refit the pipeline; the calibrator stays.

        Args:
            X: the feature matrix, shape (n, features).
            y: the labels, shape (n,), 0 or 1.
        """
        self.pipeline.fit(X, y)
        return self

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        """Probabilities, shape (n, 2): of not being won, and of being won, next month."""
        won = calibrated(self.calibrator, win_scores(self.pipeline, X))
        return np.column_stack([1 - won, won])

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """1 where winning is more likely than not, shape (n,)."""
        return (self.predict_proba(X)[:, 1] > 0.5).astype("int64")

    def __sklearn_is_fitted__(self) -> bool:
        return True


def fit_calibrator(predictions: pd.DataFrame) -> IsotonicRegression | None:
    """Isotonic regression of outcome on score; None where there is nothing to learn.

    Zadrozny and Elkan, Transforming Classifier Scores into Accurate Multiclass Probability
    Estimates (KDD 2002).

    Args:
        predictions: out-of-fold, columns `probability` and `won_next_month`.
    """
    if predictions[LABEL.name].nunique() < 2:
        return None
    calibrator = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    return calibrator.fit(
        predictions["probability"].to_numpy(dtype="float64"),
        predictions[LABEL.name].to_numpy(dtype="float64"),
    )


def calibrated(calibrator: IsotonicRegression | None, score: np.ndarray) -> np.ndarray:
    """Calibrated probabilities of some scores, shape (n,), strictly increasing in the score."""
    if calibrator is None:
        return score
    return (1 - TIE_BREAK) * calibrator.predict(score) + TIE_BREAK * score


def calibrate_walk_forward(predictions: pd.DataFrame, split: Split) -> pd.DataFrame:
    """Calibrate each scored month on the validation months before it.

    So the test months are calibrated on the validation months alone, and the first validation
    month, which has none before it, keeps its scores.

    Args:
        predictions: walk-forward scores of the months of `split`.
        split: which months choose and which report.

    Returns:
        The same rows with `probability` calibrated and the former one as `score`.
    """
    parts = []
    for month in split.scored:
        earlier = [m for m in split.validation if m < month]
        calibrator = fit_calibrator(predictions[predictions["snapshot_month"].isin(earlier)])
        part = predictions[predictions["snapshot_month"] == month]
        score = part["probability"].to_numpy(dtype="float64")
        parts.append(part.assign(score=score, probability=calibrated(calibrator, score)))
    return pd.concat(parts, ignore_index=True)

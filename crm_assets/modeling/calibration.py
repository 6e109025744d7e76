"""Calibration: turns a pipeline's scores into probabilities that can be added up."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.isotonic import IsotonicRegression

from crm_assets.crm.targets import DEFAULT_TARGET, Target
from crm_assets.modeling import algorithms
from crm_assets.modeling.algorithm import Estimator
from crm_assets.modeling.folds import Split
from crm_assets.modeling.metrics import label_of
from crm_assets.modeling.training_rows import MONTH

# Keeps the pipeline's order among deals to which isotonic regression gives the same probability.
TIE_BREAK = 1e-3
# Types beyond scikit-learn's own that every stored model may hold.
TRUSTED_TYPES = ["crm_assets.modeling.calibration.CalibratedModel"]


class CalibratedModel(ClassifierMixin, BaseEstimator):
    """A fitted pipeline followed by an isotonic calibrator.

    The calibrator is fitted on out-of-fold walk-forward predictions, not by `fit`: a pipeline's
    scores of its own training rows are too good to calibrate on.

    Attributes:
        pipeline: fitted by an algorithm; turns its matrix into scores between 0 and 1.
        calibrator: fitted on scores; None leaves scores unchanged.
        algorithm: the name of the algorithm; without it, scoring many rows is slower.
    """

    # Default for older stored models, which lack this attribute.
    algorithm: str = ""

    def __init__(
        self, pipeline: Estimator, calibrator: IsotonicRegression | None = None, algorithm: str = ""
    ) -> None:
        self.pipeline = pipeline
        self.calibrator = calibrator
        self.algorithm = algorithm
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
        """Return probabilities, shape (n, 2): of not being won, and of being won."""
        if self.algorithm:
            score = algorithms.algorithm(self.algorithm).scores(self.pipeline, X)
        else:
            score = self.pipeline.predict_proba(X)[:, 1]
        won = calibrated(self.calibrator, score)
        return np.column_stack([1 - won, won])

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Return 1 if winning is more likely than not, else 0, shape (n,)."""
        return (self.predict_proba(X)[:, 1] > 0.5).astype("int64")

    def __sklearn_is_fitted__(self) -> bool:
        return True


def fit_calibrator(predictions: pd.DataFrame) -> IsotonicRegression | None:
    """Fit isotonic regression of outcome on score; return None if all outcomes are the same.

    Zadrozny and Elkan, Transforming Classifier Scores into Accurate Multiclass Probability
    Estimates (KDD 2002).

    Args:
        predictions: out-of-fold, columns `probability` and the target's label.
    """
    outcome = predictions[label_of(predictions)]
    if outcome.nunique() < 2:
        return None
    calibrator = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    return calibrator.fit(
        predictions["probability"].to_numpy(dtype="float64"), outcome.to_numpy(dtype="float64")
    )


def calibrated(calibrator: IsotonicRegression | None, score: np.ndarray) -> np.ndarray:
    """Return calibrated probabilities, shape (n,), strictly increasing in the score."""
    if calibrator is None:
        return score
    return (1 - TIE_BREAK) * calibrator.predict(score) + TIE_BREAK * score


def calibrate_walk_forward(
    predictions: pd.DataFrame,
    split: Split,
    months: list[str] | None = None,
    target: Target = DEFAULT_TARGET,
) -> pd.DataFrame:
    """Calibrate each scored month on the validation months whose labels were known at its end.

    So test months are calibrated only on validation months. The first validation month has no earlier
    one, so it keeps its scores.

    Args:
        predictions: walk-forward scores of the months of `split`.
        split: validation and test months.
        months: the months to calibrate; by default all scored months.
        target: says when labels are known.

    Returns:
        The rows of `months` with calibrated `probability`, and the uncalibrated one as `score`.
    """
    calibrators: dict[tuple[str, ...], IsotonicRegression | None] = {}
    parts = []
    for month in split.scored if months is None else months:
        known = tuple(target.labeled(split.validation, month))
        if known not in calibrators:
            calibrators[known] = fit_calibrator(predictions[predictions[MONTH].isin(known)])
        part = predictions[predictions[MONTH] == month]
        score = part["probability"].to_numpy(dtype="float64")
        parts.append(part.assign(score=score, probability=calibrated(calibrators[known], score)))
    return pd.concat(parts, ignore_index=True)

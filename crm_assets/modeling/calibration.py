"""Calibration: turns a pipeline's scores into probabilities that can be added up."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.isotonic import IsotonicRegression

from crm_assets.crm.targets import DEFAULT_TARGET, Target
from crm_assets.modeling import algorithms, calibrations
from crm_assets.modeling.algorithm import Estimator
from crm_assets.modeling.bootstrap import mean_standard_error
from crm_assets.modeling.calibration_row import Calibration, Calibrator, inner
from crm_assets.modeling.calibrations import CALIBRATIONS, DEFAULT_CALIBRATION
from crm_assets.modeling.folds import Split
from crm_assets.modeling.metrics import label_of
from crm_assets.modeling.training_rows import MONTH

# Keeps the order among deals of one step, in older stored models.
TIE_BREAK = 1e-3
# Types beyond scikit-learn's own that every stored model may hold.
TRUSTED_TYPES = ["crm_assets.modeling.calibration.CalibratedModel", *calibrations.TRUSTED_TYPES]


class CalibratedModel(ClassifierMixin, BaseEstimator):
    """A fitted pipeline followed by a calibrator.

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
        self,
        pipeline: Estimator,
        calibrator: Calibrator | IsotonicRegression | None = None,
        algorithm: str = "",
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


def fit_calibrator(
    predictions: pd.DataFrame, calibration: Calibration = DEFAULT_CALIBRATION
) -> Calibrator | None:
    """Fit a calibration; return None, which leaves scores as they are, if all outcomes are the same.

    Args:
        predictions: out-of-fold, columns `probability` and the target's label.
        calibration: a row of `modeling.calibrations`.
    """
    outcome = predictions[label_of(predictions)].to_numpy(dtype="float64")
    if not 0 < outcome.sum() < len(outcome):
        return None
    return calibration.fit(predictions["probability"].to_numpy(dtype="float64"), outcome)


def calibrated(calibrator: Calibrator | IsotonicRegression | None, score: np.ndarray) -> np.ndarray:
    """Return calibrated probabilities off 0 and 1, shape (n,), strictly increasing in the score."""
    if calibrator is None:
        return inner(score)
    if isinstance(calibrator, IsotonicRegression):
        # Older stored models have its steps.
        return (1 - TIE_BREAK) * calibrator.predict(score) + TIE_BREAK * score
    return calibrator.predict(score)


def choose_calibration(
    predictions: pd.DataFrame, split: Split, target: Target = DEFAULT_TARGET
) -> Calibration:
    """Return the calibration that the validation months say helps, or the default if they cannot tell.

    Each validation month is calibrated on those before it. The simplest calibration within one standard
    error of the lowest log loss wins; the error is that of the difference, by bootstrap over deals.

    Args:
        predictions: walk-forward scores of the validation months.
        split: validation and test months.
        target: says when labels are known.
    """
    label = label_of(predictions)
    months = [m for m in split.validation if _both(predictions, target.labeled(split.validation, m), label)]
    if not months:
        return DEFAULT_CALIBRATION
    losses, rows = {}, pd.DataFrame()
    for calibration in CALIBRATIONS:
        rows = calibrate_walk_forward(predictions, split, months, target, calibration)
        losses[calibration] = _log_loss(rows[label], rows["probability"])
    best = min(losses, key=lambda row: losses[row].mean())

    def as_good(row: Calibration) -> bool:
        behind = losses[row] - losses[best]
        return bool(behind.mean() <= mean_standard_error(rows, behind))

    return next(row for row in CALIBRATIONS if row is best or as_good(row))


def calibrate_walk_forward(
    predictions: pd.DataFrame,
    split: Split,
    months: list[str] | None = None,
    target: Target = DEFAULT_TARGET,
    calibration: Calibration = DEFAULT_CALIBRATION,
) -> pd.DataFrame:
    """Calibrate each scored month on the validation months whose labels were known at its end.

    So test months are calibrated only on validation months. The first validation month has no earlier
    one, so it keeps its scores.

    Args:
        predictions: walk-forward scores of the months of `split`.
        split: validation and test months.
        months: the months to calibrate; by default all scored months.
        target: says when labels are known.
        calibration: a row of `modeling.calibrations`.

    Returns:
        The rows of `months` with calibrated `probability`, and the uncalibrated one as `score`.
    """
    calibrators: dict[tuple[str, ...], Calibrator | None] = {}
    parts = []
    for month in split.scored if months is None else months:
        known = tuple(target.labeled(split.validation, month))
        if known not in calibrators:
            calibrators[known] = fit_calibrator(predictions[predictions[MONTH].isin(known)], calibration)
        part = predictions[predictions[MONTH] == month]
        score = part["probability"].to_numpy(dtype="float64")
        parts.append(part.assign(score=score, probability=calibrated(calibrators[known], score)))
    return pd.concat(parts, ignore_index=True)


def _both(predictions: pd.DataFrame, months: list[str], label: str) -> bool:
    """Return whether some months have both outcomes, so that a calibration can be fitted on them."""
    return predictions.loc[predictions[MONTH].isin(months), label].nunique() == 2


def _log_loss(outcome: pd.Series, probability: pd.Series) -> np.ndarray:
    won, said = outcome.to_numpy(dtype="float64"), inner(probability.to_numpy())
    return -(won * np.log(said) + (1 - won) * np.log1p(-said))

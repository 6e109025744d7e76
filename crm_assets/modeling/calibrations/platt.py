"""Platt scaling: a logistic curve over the score's log-odds, two numbers.

Platt, Probabilistic Outputs for Support Vector Machines and Comparisons to Regularized Likelihood Methods
(1999).
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from crm_assets.modeling.calibration_row import Calibration, inner, log_odds, logistic


class Platt:
    """Log-odds = slope x log-odds of the score + shift.

    Attributes:
        slope: above 0.
        shift: in log-odds.
    """

    def __init__(self, slope: float, shift: float) -> None:
        self.slope = slope
        self.shift = shift

    def predict(self, score: np.ndarray) -> np.ndarray:
        """Return probabilities, strictly increasing in the score."""
        return inner(expit(self.slope * log_odds(score) + self.shift))


def fit(score: np.ndarray, outcome: np.ndarray) -> Platt | None:
    """Fit by maximum likelihood; None if high scores do not win more often."""
    found = logistic(log_odds(score)[:, None], outcome)
    slope = float(found.coef_[0, 0])
    return Platt(slope, float(found.intercept_[0])) if slope > 0 else None


CALIBRATION = Calibration(
    name="platt",
    description="A logistic curve over the score's log-odds.",
    complexity=10,
    fit=fit,
    trusted_types=(f"{__name__}.Platt",),
)

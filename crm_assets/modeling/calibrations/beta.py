"""Beta calibration: three numbers, with the identity among its curves.

Kull, Silva Filho and Flach, Beta Calibration: A Well-Founded and Easily Implemented Improvement on Logistic
Calibration for Binary Classifiers (AISTATS 2017).
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from crm_assets.modeling.calibration_row import Calibration, inner, logistic


class Beta:
    """Log-odds = low x log(score) - high x log(1 - score) + shift.

    Attributes:
        low: 0 or above; bends the curve near 0.
        high: 0 or above; bends the curve near 1.
        shift: in log-odds.
    """

    def __init__(self, low: float, high: float, shift: float) -> None:
        self.low = low
        self.high = high
        self.shift = shift

    def predict(self, score: np.ndarray) -> np.ndarray:
        """Return probabilities, strictly increasing in the score."""
        inside = inner(score)
        return inner(expit(self.low * np.log(inside) - self.high * np.log1p(-inside) + self.shift))


def fit(score: np.ndarray, outcome: np.ndarray) -> Beta | None:
    """Fit by maximum likelihood; None if high scores do not win more often."""
    inside = inner(score)
    columns = np.column_stack([np.log(inside), -np.log1p(-inside)])
    used = [0, 1]
    while used:
        found = logistic(columns[:, used], outcome)
        # A negative weight would let the curve fall: fit again without it, as the authors do.
        if (found.coef_[0] > 0).all():
            weights = np.zeros(2)
            weights[used] = found.coef_[0]
            return Beta(float(weights[0]), float(weights[1]), float(found.intercept_[0]))
        used.pop(int(np.argmin(found.coef_[0])))
    return None


CALIBRATION = Calibration(
    name="beta",
    description="A curve over the logs of the score and of its complement.",
    complexity=20,
    fit=fit,
    trusted_types=(f"{__name__}.Beta",),
)

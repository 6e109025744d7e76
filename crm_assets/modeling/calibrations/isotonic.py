"""Isotonic regression, made strictly increasing, with floor and ceiling from counts.

Zadrozny and Elkan, Transforming Classifier Scores into Accurate Multiclass Probability Estimates (KDD 2002).
Its steps give many deals one probability, and 0 or 1 where a step has one outcome. So the steps are joined at
their centers, as in Oron and Flournoy, Centered Isotonic Regression (Statistics in Biopharmaceutical Research
2017), and each step counts half a win and half a loss more, Jeffreys' prior.
"""

from __future__ import annotations

import numpy as np
from sklearn.isotonic import IsotonicRegression

from crm_assets.modeling.calibration_row import Calibration, inner


class CenteredIsotonic:
    """Straight lines between the centers of the steps.

    Attributes:
        score: scores from 0 to 1, strictly increasing, shape (k,).
        probability: the probability at each, strictly increasing, shape (k,).
    """

    def __init__(self, score: np.ndarray, probability: np.ndarray) -> None:
        self.score = score
        self.probability = probability

    def predict(self, score: np.ndarray) -> np.ndarray:
        """Return probabilities, strictly increasing in the score."""
        return inner(np.interp(score, self.score, self.probability))


def fit(score: np.ndarray, outcome: np.ndarray) -> CenteredIsotonic:
    """Fit isotonic regression, and join the centers of its steps."""
    steps = IsotonicRegression(y_min=0, y_max=1).fit_transform(score, outcome)
    _, step = np.unique(steps, return_inverse=True)
    deals, wins = np.bincount(step), np.bincount(step, weights=outcome)
    kept: list[tuple[float, float, float]] = []
    for block in zip(deals, wins, np.bincount(step, weights=score), strict=True):
        kept.append(block)
        # Small steps are pulled toward one half, so two of them may change places.
        while len(kept) > 1 and _rate(kept[-2]) >= _rate(kept[-1]):
            right, left = kept.pop(), kept.pop()
            kept.append((left[0] + right[0], left[1] + right[1], left[2] + right[2]))
    center = np.array([total / count for count, _, total in kept])
    rate = np.array([_rate(block) for block in kept])
    # The ends: what the score 0 or 1 would have if all deals had one outcome.
    least = _rate((len(score), 0.0, 0.0))
    lowest, highest = min(least, rate[0] / 2), max(1 - least, (1 + rate[-1]) / 2)
    inside = (center > 0) & (center < 1)
    return CenteredIsotonic(np.r_[0.0, center[inside], 1.0], np.r_[lowest, rate[inside], highest])


def _rate(block: tuple[float, float, float]) -> float:
    deals, wins, _ = block
    return (wins + 0.5) / (deals + 1)


CALIBRATION = Calibration(
    name="isotonic",
    description="Isotonic regression with its steps joined at their centers.",
    complexity=30,
    fit=fit,
    trusted_types=(f"{__name__}.CenteredIsotonic",),
)

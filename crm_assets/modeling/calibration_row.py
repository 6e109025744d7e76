"""The definition of a calibration: one row says how scores become probabilities that can be added up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

# With more rows a curve is fitted on this many groups of neighboring scores, which hardly moves it.
GROUPS = 512
# No probability is closer to 0 or 1 than this, whatever the score.
CLOSEST = 1e-6


class Calibrator(Protocol):
    """Fitted on out-of-fold scores."""

    def predict(self, score: np.ndarray) -> np.ndarray:
        """Return probabilities, shape of `score`, strictly increasing in it."""
        ...


@dataclass(frozen=True)
class Calibration:
    """One row of the table of calibrations.

    Attributes:
        name: its name.
        description: one sentence.
        complexity: its rank, simplest first. If two calibrate equally well, the simpler one wins.
        fit: fits a calibrator on scores and outcomes, both of shape (n,), with both outcomes among them; None
            if it cannot: then scores stay as they are.
        trusted_types: types beyond scikit-learn's own that a stored calibrator may hold.
    """

    name: str
    description: str
    complexity: int
    fit: Callable[[np.ndarray, np.ndarray], Calibrator | None]
    trusted_types: tuple[str, ...] = ()


def log_odds(score: np.ndarray) -> np.ndarray:
    """Return scores as log-odds, kept finite."""
    inside = inner(score)
    return np.log(inside / (1 - inside))


def inner(score: np.ndarray) -> np.ndarray:
    """Return scores kept off 0 and 1."""
    return np.clip(np.asarray(score, dtype="float64"), CLOSEST, 1 - CLOSEST)


def logistic(columns: np.ndarray, outcome: np.ndarray) -> Any:
    """Return scikit-learn's logistic regression, with just enough regularization for separable outcomes.

    Args:
        columns: strictly increasing functions of one score, shape (n, k).
        outcome: 0 or 1, shape (n,).
    """
    from sklearn.linear_model import LogisticRegression

    order = np.argsort(columns[:, 0], kind="stable")
    parts = np.array_split(order, min(GROUPS, len(order)))
    size = np.array([len(part) for part in parts])
    starts = np.cumsum(size) - size
    middle = np.add.reduceat(columns[order], starts) / size[:, None]
    wins = np.add.reduceat(outcome[order], starts)
    once = np.zeros(len(parts))
    model = LogisticRegression(C=1e4, solver="newton-cholesky", max_iter=500)
    return model.fit(
        np.vstack([middle, middle]), np.r_[once, once + 1], sample_weight=np.r_[size - wins, wins]
    )

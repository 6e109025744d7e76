"""What an algorithm is: one row that carries all that the rest of the graph has to know about it.

Backtest, champion, explanation and registry take the rows of `modeling.algorithms` through this contract
alone: `learn` makes a fitted estimator from a `Lesson`, `scores` and `contributions` ask it about deals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from crm_assets.crm.feature_table import FEATURE_NAMES
from crm_assets.modeling.matrix import feature_matrix
from crm_assets.modeling.training_rows import TrainingRows

if TYPE_CHECKING:
    import numpy as np

# A scikit-learn estimator: a pipeline, or one of our own.
Estimator = Any
Build = Callable[[list[str], int], Estimator]
Score = Callable[[Estimator, pd.DataFrame], "np.ndarray"]
Contribute = Callable[[Estimator, pd.DataFrame, list[str]], "np.ndarray"]
Snapshot = Callable[[str], pd.DataFrame]

# What an algorithm learns from: labeled rows of `win_features`, or the snapshot of the month it stands in.
TRAINING_ROWS, SNAPSHOT = "training_rows", "snapshot"

# Below it a pipeline takes a second at most, and its last bit is what stored tables hold.
ROWS_WORTH_TABLES = 50_000


@dataclass(frozen=True)
class Lesson:
    """All that anybody may learn from at the end of a month.

    Attributes:
        as_of: the month, `YYYY-MM`.
        rows: the training set.
        months: those of its months whose labels are known by then.
        features: what may be used, in order.
        seed: of everything random.
        snapshot: gives `monthly_snapshots` of a month up to `as_of`; None where nobody learns from it.
    """

    as_of: str
    rows: TrainingRows
    months: list[str]
    features: list[str]
    seed: int
    snapshot: Snapshot | None = None


@dataclass(frozen=True)
class Algorithm:
    """One row of the table of algorithms.

    Attributes:
        name: also that of its asset.
        description: a sentence.
        complexity: its rank, the simplest first. Where the evidence cannot tell two apart, the simpler wins.
        build: from the features to use and the seed to an unfitted estimator. One that learns from training
            rows is fitted on their matrix and labels, one that learns from a snapshot on that alone.
        contributions: from a fitted estimator, a matrix and the features to the push of each feature, shape
            (rows, features), in log-odds or in probability.
        learns_from: `TRAINING_ROWS` or `SNAPSHOT`.
        max_training_rows: of more rows it learns from a sample, see `modeling.sampling`.
        reads: columns of `win_features` that its matrix has beside the features.
        crosses: features that it multiplies; in all others the scores of an additive one are additive.
        fast_scores: scores of many rows, the same up to rounding as those of the estimator itself.
        trusted_types: types beyond scikit-learn's own that its stored form may hold.
        packages: distributions that a process needs to load it.
    """

    name: str
    description: str
    complexity: int
    build: Build
    contributions: Contribute
    learns_from: str = TRAINING_ROWS
    max_training_rows: int = 1_000_000
    reads: tuple[str, ...] = ()
    crosses: tuple[str, ...] = ()
    fast_scores: Score | None = None
    trusted_types: tuple[str, ...] = ()
    packages: tuple[str, ...] = ("scikit-learn",)

    def matrix(self, table: pd.DataFrame, features: list[str]) -> pd.DataFrame:
        """Return what the estimator takes of some rows of `win_features`."""
        matrix = feature_matrix(table, features)
        return matrix.assign(**{name: table[name] for name in self.reads}) if self.reads else matrix

    def inputs(self, matrix: pd.DataFrame) -> list[str]:
        """Return the features among the columns of a matrix, in order."""
        return [name for name in matrix.columns if name not in self.reads or name in FEATURE_NAMES]

    def scores(self, fitted: Estimator, matrix: pd.DataFrame) -> np.ndarray:
        """Return the score of winning of each row, 0 to 1, shape (n,).

        Args:
            fitted: an estimator that this algorithm has fitted.
            matrix: of the rows, shape (n, columns).
        """
        if self.fast_scores is not None and len(matrix) >= ROWS_WORTH_TABLES:
            return self.fast_scores(fitted, matrix)
        return fitted.predict_proba(matrix)[:, 1]

    def takes_all(self, rows: TrainingRows) -> bool:
        """Return whether it learns from all of some rows, not from a sample of them."""
        return self.learns_from == SNAPSHOT or len(rows) <= self.max_training_rows

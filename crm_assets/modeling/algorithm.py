"""The definition of an algorithm: one row holds everything that the rest of the graph needs to know.

Backtest, champion, explanation and registry use the rows of `modeling.algorithms` only through this contract:
`learn` fits an estimator on a `Lesson`; `scores` and `contributions` apply it to deals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from crm_assets.crm.all_features import ALL_FEATURE_NAMES
from crm_assets.modeling.matrix import feature_matrix
from crm_assets.modeling.training_rows import TrainingRows

if TYPE_CHECKING:
    import numpy as np

# A scikit-learn estimator: a pipeline or one of our own.
Estimator = Any
Build = Callable[[list[str], int], Estimator]
Score = Callable[[Estimator, pd.DataFrame], "np.ndarray"]
Contribute = Callable[[Estimator, pd.DataFrame, list[str]], "np.ndarray"]
Snapshot = Callable[[str], pd.DataFrame]
# Fits the last step of a pipeline on Spark: step, data frame, feature columns, label column.
OnSpark = Callable[[Estimator, Any, list[str], str], Estimator]

# What an algorithm learns from: labeled rows of `win_features`, or the snapshot of the month it runs in.
TRAINING_ROWS, SNAPSHOT = "training_rows", "snapshot"

# With fewer rows a pipeline takes at most a second, and stored tables keep its exact scores.
ROWS_WORTH_TABLES = 50_000


@dataclass(frozen=True)
class Lesson:
    """Everything that an algorithm may learn from at the end of a month.

    Attributes:
        as_of: the month, `YYYY-MM`.
        rows: the training set.
        months: the months of `rows` whose labels are known by then.
        features: the features that may be used, in order.
        seed: seed for everything random.
        snapshot: reads `monthly_snapshots` of a month up to `as_of`; None if no algorithm needs it.
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
        name: also the name of its asset.
        description: one sentence.
        complexity: its rank, simplest first. If two algorithms perform equally well, the simpler one wins.
        build: builds an unfitted estimator from features and seed. It is fitted on the matrix and labels of
            training rows, or only on a snapshot, as `learns_from` says.
        contributions: computes from a fitted estimator, a matrix and the features the push of each feature,
            shape (rows, features), in log-odds or probability.
        learns_from: `TRAINING_ROWS` or `SNAPSHOT`.
        snapshot_columns: the columns of `monthly_snapshots` that it may read; none means all.
        max_training_rows: with more rows it learns from a sample, see `modeling.sampling`.
        reads: other columns of `win_features` that its matrix needs.
        crosses: features that it multiplies; an additive algorithm is additive in all others.
        fast_scores: scores many rows faster, with the same result up to rounding.
        on_spark: fits the last step of its pipeline on Spark, with a worker for each partition of the rows.
            It then learns from all rows, and its fitted estimator is of the same types.
        trusted_types: types beyond scikit-learn's own that its stored model may hold.
        packages: distributions that are needed to load it.
    """

    name: str
    description: str
    complexity: int
    build: Build
    contributions: Contribute
    learns_from: str = TRAINING_ROWS
    snapshot_columns: tuple[str, ...] = ()
    max_training_rows: int = 1_000_000
    reads: tuple[str, ...] = ()
    crosses: tuple[str, ...] = ()
    fast_scores: Score | None = None
    on_spark: OnSpark | None = None
    trusted_types: tuple[str, ...] = ()
    packages: tuple[str, ...] = ("scikit-learn",)

    def matrix(self, table: pd.DataFrame, features: list[str]) -> pd.DataFrame:
        """Return the estimator's input for some rows of `win_features`."""
        matrix = feature_matrix(table, features)
        return matrix.assign(**{name: table[name] for name in self.reads}) if self.reads else matrix

    def inputs(self, matrix: pd.DataFrame) -> list[str]:
        """Return the features among the columns of a matrix, in order."""
        return [name for name in matrix.columns if name not in self.reads or name in ALL_FEATURE_NAMES]

    def scores(self, fitted: Estimator, matrix: pd.DataFrame) -> np.ndarray:
        """Return the win score of each row, 0 to 1, shape (n,).

        Args:
            fitted: an estimator fitted by this algorithm.
            matrix: the matrix of the rows, shape (n, columns).
        """
        if self.fast_scores is not None and len(matrix) >= ROWS_WORTH_TABLES:
            return self.fast_scores(fitted, matrix)
        return fitted.predict_proba(matrix)[:, 1]

    def takes_all(self, rows: TrainingRows) -> bool:
        """Return whether it learns from all rows instead of a sample."""
        return self.learns_from == SNAPSHOT or len(rows) <= self.max_training_rows

"""The definition of an algorithm: one row holds everything that the rest of the graph needs to know.

Backtest, champion, explanation and registry use the rows of `modeling.algorithms` only through this contract:
`learn` fits an estimator on a `Lesson`; `scores` and `contributions` apply it to deals.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from inspect import signature
from typing import TYPE_CHECKING, Any

import pandas as pd

from crm_assets.crm.all_features import ALL_FEATURE_NAMES
from crm_assets.modeling.matrix import feature_matrix, matrix_of
from crm_assets.modeling.prepared import ByMatrix, Prepared, Row
from crm_assets.modeling.space import Parameter, Parameters, Value
from crm_assets.modeling.training_rows import TrainingRows

if TYPE_CHECKING:
    import numpy as np

# A scikit-learn estimator: a pipeline or one of our own.
Estimator = Any
# Features, seed, and by keyword the parameters of the search space.
Build = Callable[..., Estimator]
Score = Callable[[Estimator, pd.DataFrame], "np.ndarray"]
Contribute = Callable[[Estimator, pd.DataFrame, list[str]], "np.ndarray"]
Prepare = Callable[[Estimator, str, list[str]], Prepared]
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
        build: builds an unfitted estimator from features, seed, and the parameters of `space` as keywords
            with defaults. It is fitted on the matrix and labels of training rows, or only on a snapshot, as
            `learns_from` says.
        contributions: computes from a fitted estimator, a matrix and the features the push of each feature,
            shape (rows, features), in log-odds or probability.
        learns_from: `TRAINING_ROWS` or `SNAPSHOT`.
        snapshot_columns: the columns of `monthly_snapshots` that it may read; none means all.
        max_training_rows: with more rows it learns from a sample, see `modeling.sampling`.
        reads: other columns of `win_features` that its matrix needs.
        crosses: features that it multiplies; an additive algorithm is additive in all others.
        fast_scores: scores many rows faster, with the same result up to rounding.
        fast_rows: prepares a fitted estimator, for a month and features, to score a few rows faster, with the
            same result up to rounding.
        on_spark: fits the last step of its pipeline on Spark, with a worker for each partition of the rows.
            It then learns from all rows, and its fitted estimator is of the same types.
        trusted_types: types beyond scikit-learn's own that its stored model may hold.
        packages: distributions that are needed to load it.
        space: what a search may change; without it the algorithm cannot be tuned.
        module: the module that only the extra `algorithms` installs; such a row is used if settings name it.
        parameters: values that a search found, by name, in the order of `space`; none for the defaults.
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
    fast_rows: Prepare | None = None
    on_spark: OnSpark | None = None
    trusted_types: tuple[str, ...] = ()
    packages: tuple[str, ...] = ("scikit-learn",)
    space: tuple[Parameter, ...] = ()
    module: str = ""
    parameters: tuple[tuple[str, Value], ...] = ()

    @property
    def defaults(self) -> dict[str, Value]:
        """The values of the search space without a search."""
        declared = signature(self.build).parameters
        return {one.name: declared[one.name].default for one in self.space}

    def tuned(self, parameters: Parameters) -> Algorithm:
        """Return the algorithm with other values for parameters of its space.

        Raises:
            ValueError: the space does not have such a parameter or value.
        """
        known = {one.name: one for one in self.space}
        if wrong := [f"{n}={v}" for n, v in parameters.items() if n not in known or not known[n].allows(v)]:
            raise ValueError(f"{self.name} cannot be built with {', '.join(wrong)}: not in its search space.")
        chosen = tuple((name, parameters[name]) for name in known if name in parameters)
        return replace(self, parameters=chosen)

    def built(self, features: list[str], seed: int) -> Estimator:
        """Build an unfitted estimator with this row's parameters."""
        return self.build(features, seed, **dict(self.parameters))

    def matrix(self, table: pd.DataFrame, features: list[str]) -> pd.DataFrame:
        """Return the estimator's input for some rows of `win_features`."""
        matrix = feature_matrix(table, features)
        return matrix.assign(**{name: table[name] for name in self.reads}) if self.reads else matrix

    def matrix_of(self, rows: Sequence[Row], features: list[str]) -> pd.DataFrame:
        """Return the estimator's input for rows that are mappings."""
        matrix = matrix_of(rows, features)
        for name in self.reads:
            matrix[name] = [row[name] for row in rows]
        return matrix

    def prepare(self, fitted: Estimator, month: str, features: list[str]) -> Prepared:
        """Return a fitted estimator, ready for deals of a month that come a few at a time."""
        made = self.fast_rows
        return ByMatrix(self, fitted, features) if made is None else made(fitted, month, features)

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

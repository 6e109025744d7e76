"""Walk-forward: train on the labelled months before t, score t, move on. The only split there is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
from joblib import parallel_config
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from crm_assets.crm.feature_table import LABEL
from crm_assets.errors import NotEnoughDataError
from crm_assets.modeling.algorithms import Algorithm
from crm_assets.modeling.matrix import feature_matrix
from crm_assets.modeling.predict import win_scores
from crm_assets.modeling.training_rows import DEAL, MONTH, TrainingRows

KEYS = [MONTH, DEAL]

# Where boosting with two threads starts to be faster than with one.
ROWS_WORTH_THREADS = 100_000


@dataclass(frozen=True)
class Split:
    """The labelled months by what they are for; each list is in order of time."""

    first_months: list[str]
    validation: list[str]
    test: list[str]

    @property
    def scored(self) -> list[str]:
        """The months that walk-forward predicts."""
        return self.validation + self.test


def split_months(months: list[str], min_training_months: int, test_months: int) -> Split:
    """Divide labelled months: the first only train, the last `test_months` only report.

    Raises:
        NotEnoughDataError: no month is left to choose a champion on.
    """
    months = sorted(months)
    needed = min_training_months + 1 + test_months
    if len(months) < needed:
        raise NotEnoughDataError(
            f"{len(months)} labelled months ({', '.join(months) or 'none'}), but at least {needed} are "
            f"needed: {min_training_months} to train, 1 to choose, {test_months} to test; add months or "
            "lower CRM_MIN_TRAINING_MONTHS or CRM_TEST_MONTHS."
        )
    scored = months[min_training_months:]
    return Split(months[:min_training_months], scored[:-test_months], scored[-test_months:])


def folds(rows: TrainingRows, months: list[str]) -> Iterator[tuple[str, list[str]]]:
    """For each month t of `months`: t, and the months before it.

    Raises:
        NotEnoughDataError: all outcomes before a month are the same.
    """
    for month in months:
        before = [earlier for earlier in rows.months if earlier < month]
        if not 0 < sum(rows.wins[m] for m in before) < sum(rows.deals[m] for m in before):
            raise NotEnoughDataError(
                f"All labels before {month} are the same: a model needs won deals and others; "
                "raise CRM_MIN_TRAINING_MONTHS."
            )
        yield month, before


def fit(pipeline: Pipeline, table: pd.DataFrame, features: list[str]) -> Pipeline:
    """Fit a pipeline on the rows of a training set."""
    matrix, labels = feature_matrix(table, features), table[LABEL.name].to_numpy(dtype="int64")
    # Boosting waits for its threads at every node: with few rows that is most of its time, and on a
    # busy machine nearly all. The forest's threads are its own; processes would import all again.
    boosters = threadpool_limits(1 if len(table) < ROWS_WORTH_THREADS else None, "openmp")
    with boosters, parallel_config(backend="threading", n_jobs=-1):
        return pipeline.fit(matrix, labels)


def train(
    algorithm: Algorithm, rows: TrainingRows, months: list[str], features: list[str], seed: int
) -> Pipeline:
    """Fit an algorithm on some months of the training set, or on the sample of them that it can take."""
    table = rows.sample(months, algorithm.max_training_rows, seed)
    return fit(algorithm.build(features, seed), table, features)


def walk_forward(
    algorithm: Algorithm, rows: TrainingRows, features: list[str], months: list[str], seed: int
) -> pd.DataFrame:
    """Score each month with a model that has seen only the months before it.

    Args:
        algorithm: what is tested.
        rows: the training set.
        features: the features to use.
        months: the months to score.
        seed: of everything random.

    Returns:
        Columns `snapshot_month`, `opportunity_id`, `won_next_month`, `probability` (0 to 1).
    """
    parts = []
    for month, before in folds(rows, months):
        pipeline, test = train(algorithm, rows, before, features, seed), rows.rows([month])
        probability = win_scores(pipeline, feature_matrix(test, features))
        parts.append(test[[*KEYS, LABEL.name]].assign(probability=probability))
    return pd.concat(parts, ignore_index=True)

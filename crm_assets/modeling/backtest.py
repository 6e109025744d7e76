"""Walk-forward: train on the labels known at month t, score t, move on. There is no other split."""

from __future__ import annotations

import pandas as pd

from crm_assets.modeling.algorithm import Algorithm, Snapshot
from crm_assets.modeling.folds import FoldModels, lessons
from crm_assets.modeling.training_rows import KEYS, TrainingRows


def walk_forward(
    algorithm: Algorithm,
    rows: TrainingRows,
    features: list[str],
    months: list[str],
    seed: int,
    models: FoldModels | None = None,
    snapshot: Snapshot | None = None,
) -> pd.DataFrame:
    """Score each month with a model that has seen only what was known at its end.

    Args:
        algorithm: the algorithm to test.
        rows: the training set.
        features: the features to use.
        months: the months to score.
        seed: seed for everything random.
        models: cache of fitted models.
        snapshot: reads `monthly_snapshots` of a month, for algorithms that learn from them.

    Returns:
        Columns `snapshot_month`, `opportunity_id`, the target's label, `probability` (0 to 1).
    """
    models = models or FoldModels()
    parts = []
    for lesson in lessons(rows, months, features, seed, snapshot):
        fitted, test = models.learned(algorithm, lesson), rows.rows([lesson.as_of])
        probability = algorithm.scores(fitted, algorithm.matrix(test, features))
        parts.append(test[[*KEYS, rows.target.name]].assign(probability=probability))
    return pd.concat(parts, ignore_index=True)

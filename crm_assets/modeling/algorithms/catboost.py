"""Gradient boosting with CatBoost. Needs the extra `algorithms`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from crm_assets.modeling.algorithm import Algorithm
from crm_assets.modeling.encoding import contributions_of_columns, for_trees, scores_of_trees
from crm_assets.modeling.space import Parameter

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


def build(
    features: list[str],
    seed: int,
    *,
    iterations: int = 200,
    depth: int = 3,
    learning_rate: float = 0.06,
    l2_leaf_reg: float = 30,
    rsm: float = 0.8,
) -> Pipeline:
    """Build shallow symmetric trees."""
    from catboost import CatBoostClassifier
    from sklearn.pipeline import make_pipeline

    booster = CatBoostClassifier(
        iterations=iterations,
        depth=depth,
        learning_rate=learning_rate,
        l2_leaf_reg=l2_leaf_reg,
        rsm=rsm,
        random_seed=seed,
        # It would write a folder of logs.
        allow_writing_files=False,
        verbose=False,
        # With few rows its threads wait for each other at every node.
        thread_count=1,
    )
    return make_pipeline(for_trees(features), booster)


def shap_of_booster(model: Any, columns: np.ndarray) -> np.ndarray:
    """Return CatBoost's own SHAP values, in the shape of `columns`, without its last column, the average."""
    from catboost import Pool

    return model.get_feature_importance(Pool(columns), type="ShapValues", thread_count=1)[:, :-1]


ALGORITHM = Algorithm(
    name="catboost",
    description="Gradient boosted symmetric trees, by CatBoost.",
    complexity=38,
    build=build,
    contributions=contributions_of_columns(shap_of_booster),
    max_training_rows=1_000_000,
    fast_scores=scores_of_trees,
    # Its state is CatBoost's own binary format.
    trusted_types=("catboost.core.CatBoostClassifier", "numpy.dtype"),
    packages=("scikit-learn", "catboost"),
    space=(
        Parameter("iterations", 50, 400),
        Parameter("depth", 1, 6),
        Parameter("learning_rate", 0.02, 0.2, log=True),
        Parameter("l2_leaf_reg", 1.0, 100.0, log=True),
        Parameter("rsm", 0.3, 1.0),
    ),
    module="catboost",
)

"""Gradient boosting with scikit-learn's histogram version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crm_assets.modeling.algorithm import Algorithm
from crm_assets.modeling.encoding import contributions_of_columns, for_trees, scores_of_trees, shap_of_trees
from crm_assets.modeling.space import Parameter

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


def build(
    features: list[str],
    seed: int,
    *,
    max_iter: int = 150,
    max_leaf_nodes: int = 6,
    learning_rate: float = 0.08,
    min_samples_leaf: int = 200,
    l2_regularization: float = 50,
) -> Pipeline:
    """Build trees with few and large leaves."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline

    booster = HistGradientBoostingClassifier(
        max_iter=max_iter,
        max_leaf_nodes=max_leaf_nodes,
        learning_rate=learning_rate,
        min_samples_leaf=min_samples_leaf,
        l2_regularization=l2_regularization,
        early_stopping=False,
        random_state=seed,
    )
    return make_pipeline(for_trees(features), booster)


ALGORITHM = Algorithm(
    name="gradient_boosting",
    description="Gradient boosted trees, scikit-learn's histogram version.",
    complexity=40,
    build=build,
    contributions=contributions_of_columns(shap_of_trees),
    max_training_rows=1_000_000,
    fast_scores=scores_of_trees,
    trusted_types=("numpy.dtype", "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"),
    space=(
        Parameter("max_iter", 50, 300),
        Parameter("max_leaf_nodes", 3, 16),
        Parameter("learning_rate", 0.02, 0.2, log=True),
        Parameter("min_samples_leaf", 20, 400, log=True),
        Parameter("l2_regularization", 0.1, 200.0, log=True),
    ),
)

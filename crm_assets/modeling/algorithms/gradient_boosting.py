"""Gradient boosting with scikit-learn's histogram version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crm_assets.modeling.algorithm import Algorithm
from crm_assets.modeling.encoding import contributions_of_columns, for_trees, scores_of_trees, shap_of_trees

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


def build(features: list[str], seed: int) -> Pipeline:
    """Build trees with few and large leaves."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline

    booster = HistGradientBoostingClassifier(
        max_iter=150,
        max_leaf_nodes=6,
        learning_rate=0.08,
        min_samples_leaf=200,
        l2_regularization=50,
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
)

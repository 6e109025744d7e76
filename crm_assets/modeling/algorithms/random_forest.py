"""Random forest with scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crm_assets.modeling.algorithm import Algorithm
from crm_assets.modeling.encoding import contributions_of_columns, for_trees, scores_of_trees, shap_of_trees

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


def build(features: list[str], seed: int) -> Pipeline:
    """Build shallow trees with large leaves: a few hundred wins a month do not support more."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline

    forest = RandomForestClassifier(
        n_estimators=60, max_depth=8, min_samples_leaf=50, max_features=0.3, random_state=seed
    )
    return make_pipeline(for_trees(features), forest)


ALGORITHM = Algorithm(
    name="random_forest",
    description="Random forest of shallow trees.",
    complexity=20,
    build=build,
    contributions=contributions_of_columns(shap_of_trees),
    # The forest sorts all rows for every tree; algorithms with histograms do not.
    max_training_rows=200_000,
    fast_scores=scores_of_trees,
    trusted_types=("numpy.dtype", "sklearn.tree._tree.Tree"),
)

"""Random forest with scikit-learn."""

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
    n_estimators: int = 60,
    max_depth: int = 8,
    min_samples_leaf: int = 50,
    max_features: float = 0.3,
) -> Pipeline:
    """Build shallow trees with large leaves: a few hundred wins a month do not support more."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline

    forest = RandomForestClassifier(
        n_estimators=n_estimators,
        max_depth=max_depth,
        min_samples_leaf=min_samples_leaf,
        max_features=max_features,
        random_state=seed,
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
    space=(
        Parameter("n_estimators", 40, 120),
        Parameter("max_depth", 4, 14),
        Parameter("min_samples_leaf", 10, 200, log=True),
        Parameter("max_features", 0.1, 0.9),
    ),
)

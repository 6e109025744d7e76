"""Explainable boosting by interpret: one shape per feature, added up. Needs the extra `algorithms`.

Nori et al., InterpretML: A Unified Framework for Machine Learning Interpretability (2019).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from crm_assets.modeling.algorithm import Algorithm
from crm_assets.modeling.encoding import by_type, contributions_of_columns, for_trees, scores_of_trees
from crm_assets.modeling.space import Parameter

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


def build(
    features: list[str],
    seed: int,
    *,
    max_rounds: int = 150,
    learning_rate: float = 0.06,
    interactions: int = 1,
    min_samples_leaf: int = 50,
    max_bins: int = 64,
) -> Pipeline:
    """Build a shape for each feature, and for the strongest pairs, by boosting the features in turn."""
    from interpret.glassbox import ExplainableBoostingClassifier
    from sklearn.pipeline import make_pipeline

    categories, numbers = by_type(features)
    booster = ExplainableBoostingClassifier(
        # In the order in which `for_trees` puts them.
        feature_types=["continuous"] * len(numbers) + ["nominal"] * len(categories),
        max_rounds=max_rounds,
        learning_rate=learning_rate,
        interactions=interactions,
        min_samples_leaf=min_samples_leaf,
        max_bins=max_bins,
        # Bags and early stopping would hold back deals at random, but a deal stands in several months.
        outer_bags=1,
        validation_size=0,
        early_stopping_rounds=0,
        random_state=seed,
        # Processes would import everything again.
        n_jobs=1,
    )
    return make_pipeline(for_trees(features), booster)


def shapes_of(model: Any, columns: np.ndarray) -> np.ndarray:
    """Return what the shapes add to the log-odds, in the shape of `columns`; a pair counts half for each."""
    found = np.zeros(columns.shape)
    for features, push in zip(model.term_features_, model.eval_terms(columns).T, strict=True):
        for feature in features:
            found[:, feature] += push / len(features)
    return found


ALGORITHM = Algorithm(
    name="explainable_boosting",
    description="Explainable boosting: one shape per feature and for the strongest pairs, by interpret.",
    complexity=15,
    build=build,
    contributions=contributions_of_columns(shapes_of),
    max_training_rows=200_000,
    fast_scores=scores_of_trees,
    # Its state is arrays, lists and numbers.
    trusted_types=("interpret.glassbox._ebm._ebm.ExplainableBoostingClassifier", "numpy.dtype"),
    packages=("scikit-learn", "interpret-core"),
    space=(
        Parameter("max_rounds", 100, 800, log=True),
        Parameter("learning_rate", 0.01, 0.1, log=True),
        Parameter("interactions", 0, 5),
        Parameter("min_samples_leaf", 5, 200, log=True),
        Parameter("max_bins", 16, 256, log=True),
    ),
    module="interpret",
)

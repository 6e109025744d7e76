"""Gradient boosting with LightGBM. Needs the extra `algorithms`."""

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
    n_estimators: int = 150,
    num_leaves: int = 6,
    learning_rate: float = 0.08,
    min_child_samples: int = 200,
    reg_lambda: float = 50,
) -> Pipeline:
    """Build trees with few and large leaves, the same ones on every machine."""
    from lightgbm import LGBMClassifier
    from sklearn.pipeline import make_pipeline

    booster = LGBMClassifier(
        n_estimators=n_estimators,
        num_leaves=num_leaves,
        learning_rate=learning_rate,
        min_child_samples=min_child_samples,
        reg_lambda=reg_lambda,
        random_state=seed,
        deterministic=True,
        force_row_wise=True,
        # With few rows its threads wait for each other at every node.
        n_jobs=1,
        verbosity=-1,
    )
    return make_pipeline(for_trees(features), booster)


def shap_of_booster(model: Any, columns: np.ndarray) -> np.ndarray:
    """Return LightGBM's own SHAP values, in the shape of `columns`, without its last column, the average."""
    return model.booster_.predict(columns, pred_contrib=True)[:, :-1]


ALGORITHM = Algorithm(
    name="lightgbm",
    description="Gradient boosted trees, by LightGBM.",
    complexity=35,
    build=build,
    contributions=contributions_of_columns(shap_of_booster),
    max_training_rows=1_000_000,
    fast_scores=scores_of_trees,
    trusted_types=(
        "collections.OrderedDict",
        "collections.defaultdict",
        # Its state is the text of its trees.
        "lightgbm.basic.Booster",
        "lightgbm.sklearn.LGBMClassifier",
        "numpy.dtype",
    ),
    packages=("scikit-learn", "lightgbm"),
    space=(
        Parameter("n_estimators", 50, 400),
        Parameter("num_leaves", 3, 16),
        Parameter("learning_rate", 0.02, 0.2, log=True),
        Parameter("min_child_samples", 20, 400, log=True),
        Parameter("reg_lambda", 0.1, 200.0, log=True),
    ),
    module="lightgbm",
)

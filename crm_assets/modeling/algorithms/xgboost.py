"""Gradient boosting with XGBoost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from crm_assets.modeling import algorithm, two_splits
from crm_assets.modeling.algorithm import Algorithm
from crm_assets.modeling.encoding import contributions_of_columns, for_trees, scores_of_trees

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


def build(features: list[str], seed: int) -> Pipeline:
    """Build many trees with at most two levels of splits."""
    from sklearn.pipeline import make_pipeline
    from xgboost import XGBClassifier

    booster = XGBClassifier(
        n_estimators=250,
        max_depth=2,
        learning_rate=0.05,
        min_child_weight=10,
        subsample=0.8,
        reg_lambda=10,
        random_state=seed,
    )
    return make_pipeline(for_trees(features), booster)


def shap_of_booster(model: Any, columns: np.ndarray) -> np.ndarray:
    """Return XGBoost's own SHAP values, in the shape of `columns`, without its last column, the average."""
    from xgboost import DMatrix

    return model.get_booster().predict(DMatrix(columns), pred_contribs=True)[:, :-1]


def contributions(pipeline: Pipeline, matrix: pd.DataFrame, features: list[str]) -> np.ndarray:
    """Return SHAP values: from XGBoost for few rows, from tables of feature pairs for many rows."""
    if len(matrix) < algorithm.ROWS_WORTH_TABLES:
        return _by_booster(pipeline, matrix, features)
    booster = pipeline[-1].get_booster()
    names = [f"f{number}" for number in range(booster.num_features())]
    leaves = two_splits.leaves_of(booster.trees_to_dataframe(), names)
    by_tables = contributions_of_columns(lambda _, columns: two_splits.shap_values(leaves, columns))
    return by_tables(pipeline, matrix, features)


_by_booster = contributions_of_columns(shap_of_booster)


ALGORITHM = Algorithm(
    name="xgboost",
    description="Gradient boosted trees of depth 2, by XGBoost.",
    complexity=30,
    build=build,
    contributions=contributions,
    max_training_rows=1_000_000,
    fast_scores=scores_of_trees,
    trusted_types=("numpy.dtype", "xgboost.core.Booster", "xgboost.sklearn.XGBClassifier"),
    packages=("scikit-learn", "xgboost"),
)

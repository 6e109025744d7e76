"""Gradient boosting with XGBoost."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from crm_assets.modeling import algorithm, two_splits
from crm_assets.modeling.algorithm import Algorithm
from crm_assets.modeling.encoding import contributions_of_columns, for_trees, scores_of_trees
from crm_assets.modeling.space import Parameter

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


def build(
    features: list[str],
    seed: int,
    *,
    n_estimators: int = 250,
    max_depth: int = 2,
    learning_rate: float = 0.05,
    min_child_weight: float = 10,
    subsample: float = 0.8,
    reg_lambda: float = 10,
) -> Pipeline:
    """Build many trees, without a search with at most two levels of splits."""
    from sklearn.pipeline import make_pipeline
    from xgboost import XGBClassifier

    booster = XGBClassifier(
        n_estimators=n_estimators,
        max_depth=max_depth,
        learning_rate=learning_rate,
        min_child_weight=min_child_weight,
        subsample=subsample,
        reg_lambda=reg_lambda,
        random_state=seed,
    )
    return make_pipeline(for_trees(features), booster)


def train_on_spark(booster: Any, rows: Any, features: list[str], label: str) -> Any:
    """Train the trees on Spark's workers, and return the classifier `booster`, fitted.

    Args:
        booster: the unfitted classifier, whose parameters count.
        rows: a data frame of Spark. Each of its partitions has a worker; one worker grows the trees that this
            machine would grow.
        features: its columns of numbers.
        label: its column of 0 and 1.
    """
    from xgboost.spark import SparkXGBClassifier

    # It tells the parameters of each fit, and each worker its rank.
    logging.getLogger("XGBoost-PySpark").setLevel(logging.WARNING)

    # Spark chooses threads by the cores of a task, and has no parameters for the other two.
    elsewhere = ("n_jobs", "objective", "enable_categorical")
    given = booster.get_params().items()
    chosen = {name: value for name, value in given if value is not None and name not in elsewhere}
    workers = rows.rdd.getNumPartitions()
    learner = SparkXGBClassifier(
        features_col=features, label_col=label, num_workers=workers, verbose=False, verbosity=0, **chosen
    )
    trained = learner.fit(rows).get_booster()
    # A pipeline gives its columns without names.
    trained.feature_names = trained.feature_types = None
    booster.load_model(trained.save_raw())
    return booster


def shap_of_booster(model: Any, columns: np.ndarray) -> np.ndarray:
    """Return XGBoost's own SHAP values, in the shape of `columns`, without its last column, the average."""
    from xgboost import DMatrix

    return model.get_booster().predict(DMatrix(columns), pred_contribs=True)[:, :-1]


def contributions(pipeline: Pipeline, matrix: pd.DataFrame, features: list[str]) -> np.ndarray:
    """Return SHAP values: from XGBoost for few rows or deep trees, else from tables of feature pairs."""
    deep = pipeline[-1].get_params()["max_depth"] > two_splits.DEEPEST
    if deep or len(matrix) < algorithm.ROWS_WORTH_TABLES:
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
    on_spark=train_on_spark,
    trusted_types=("numpy.dtype", "xgboost.core.Booster", "xgboost.sklearn.XGBClassifier"),
    packages=("scikit-learn", "xgboost"),
    space=(
        Parameter("n_estimators", 100, 500),
        Parameter("max_depth", 1, 4),
        Parameter("learning_rate", 0.01, 0.2, log=True),
        Parameter("min_child_weight", 1.0, 50.0, log=True),
        Parameter("subsample", 0.5, 1.0),
        Parameter("reg_lambda", 0.1, 100.0, log=True),
    ),
)

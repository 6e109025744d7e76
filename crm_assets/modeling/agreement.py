"""Checks whether the rows that a model scores look like its training rows."""

from __future__ import annotations

import pandas as pd

from crm_assets.crm.all_features import ALL_FEATURES
from crm_assets.modeling.training_rows import TrainingRows


def agreement(training: TrainingRows, scoring: pd.DataFrame, features: list[str]) -> pd.DataFrame:
    """Compare features of the training set with those of the scored month.

    Args:
        training: the training set.
        scoring: one month of `win_features`.
        features: the features that the model uses.

    Returns:
        One row per feature: `feature`, `training_type`, `scoring_type` (`missing` if there is no such
        column), and `outside`: the share of scoring rows whose number is outside the training range or
        whose category is not in the training set. Nulls are not outside.
    """
    categories = {feature.name for feature in ALL_FEATURES if feature.dtype == "category"}
    return pd.DataFrame([_compare(name, training, scoring, name in categories) for name in features])


def _compare(
    name: str, training: TrainingRows, scoring: pd.DataFrame, categorical: bool
) -> dict[str, object]:
    columns = [frame.get(name) for frame in (training, scoring)]
    types = ["missing" if column is None else _kind(column) for column in columns]
    outside = float("nan")
    if "missing" not in types and types[0] == types[1]:
        learned, met = (column.dropna() for column in columns if column is not None)
        known = met.isin(learned.unique()) if categorical else met.between(learned.min(), learned.max())
        outside = float((~known).sum() / len(scoring)) if len(scoring) else 0.0
    return {"feature": name, "training_type": types[0], "scoring_type": types[1], "outside": outside}


def _kind(column: pd.Series) -> str:
    # pandas turns integers into floats if one is null: treat both as the same kind.
    if pd.api.types.is_bool_dtype(column):
        return "boolean"
    return "number" if pd.api.types.is_numeric_dtype(column) else "text"

"""Turns a feature table into the input of a pipeline: one dtype per feature, the same in every month."""

from __future__ import annotations

import pandas as pd

from crm_assets.crm.all_features import ALL_FEATURES

NO_CATEGORY = "none"


def feature_matrix(table: pd.DataFrame, features: list[str]) -> pd.DataFrame:
    """Return the features as model input: numbers and booleans as float, texts as categories.

    Args:
        table: rows with at least the columns `features`.
        features: names of `crm.feature_table.FEATURES`.

    Returns:
        The columns in the order of `features`; missing numbers are NaN, missing categories `none`.
    """
    categorical = {feature.name for feature in ALL_FEATURES if feature.dtype == "category"}
    return pd.DataFrame(
        {
            name: _category(table[name]) if name in categorical else table[name].astype("float64")
            for name in features
        },
        index=table.index,
    )


def _category(column: pd.Series) -> pd.Series:
    # Hash each text only once here: encoders then work with its code.
    kept = column.astype("category")
    if not kept.hasnans:
        return kept
    return kept.cat.set_categories(kept.cat.categories.union([NO_CATEGORY])).fillna(NO_CATEGORY)

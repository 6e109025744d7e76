"""Turns a feature table into the input of a pipeline: one dtype per feature, the same in every month."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from crm_assets.crm.all_features import ALL_FEATURES

NO_CATEGORY = "none"
CATEGORICAL = frozenset(feature.name for feature in ALL_FEATURES if feature.dtype == "category")
FEW = 32


def feature_matrix(table: pd.DataFrame, features: list[str]) -> pd.DataFrame:
    """Return the features as model input: numbers and booleans as float, texts as categories.

    Args:
        table: rows with at least the columns `features`.
        features: names of `crm.feature_table.FEATURES`.

    Returns:
        The columns in the order of `features`; missing numbers are NaN, missing categories `none`.
    """
    if len(table) <= FEW:
        values = {name: table[name].to_numpy(dtype=object, na_value=None).tolist() for name in features}
        return _of_few(values).set_axis(table.index)
    return pd.DataFrame(
        {
            name: _category(table[name]) if name in CATEGORICAL else table[name].astype("float64")
            for name in features
        },
        index=table.index,
    )


def matrix_of(rows: Sequence[Mapping[str, Any]], features: list[str]) -> pd.DataFrame:
    """Return the same for rows that are mappings, with None for missing values."""
    if len(rows) > FEW:
        return feature_matrix(
            pd.DataFrame([{name: row[name] for name in features} for row in rows]), features
        )
    return _of_few({name: [row[name] for row in rows] for name in features})


def _of_few(of: Mapping[str, list[Any]]) -> pd.DataFrame:
    """Return the matrix of a few rows, without what pandas does for many: a third of the time for one row."""
    columns: dict[str, Any] = {}
    for name, values in of.items():
        if name in CATEGORICAL:
            texts = [NO_CATEGORY if value is None else value for value in values]
            names = sorted(set(texts))
            places = {text: place for place, text in enumerate(names)}
            columns[name] = pd.Categorical.from_codes([places[text] for text in texts], names)
        else:
            columns[name] = np.array(
                [np.nan if value is None else value for value in values], dtype="float64"
            )
    return pd.DataFrame(columns)


def _category(column: pd.Series) -> pd.Series:
    # Hash each text only once here: encoders then work with its code.
    kept = column.astype("category")
    if not kept.hasnans:
        return kept
    return kept.cat.set_categories(kept.cat.categories.union([NO_CATEGORY])).fillna(NO_CATEGORY)

"""Explains a deal's probability: contributions of the raw features to the model's log-odds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from crm_assets.modeling.algorithm import Algorithm, Estimator

TOP = 3
# Bounds the memory that explanations take, whatever the number of deals.
ROWS_EXPLAINED = 262_144
PUSHED_UP, PUSHED_DOWN = "pushed_up", "pushed_down"


def contributions(
    algorithm: Algorithm, fitted: Estimator, table: pd.DataFrame, features: list[str]
) -> pd.DataFrame:
    """Return how far each raw feature moves each deal from the average training deal.

    Trees: SHAP values (Lundberg et al., From Local Explanations to Global Understanding with
    Explainable AI for Trees, 2020) on the log-odds; for the random forest, on the probability.
    Linear: coefficient times distance from the training mean; a product of two features counts
    half for each. Columns that encode the same feature are added up.

    Args:
        algorithm: the algorithm of the estimator.
        fitted: the estimator.
        table: rows to explain, with at least the columns `features`.
        features: the features that the estimator was fitted on.

    Returns:
        Shape (rows, features), in the order of both; columns have the names of the features.
    """
    pushes = algorithm.contributions(fitted, algorithm.matrix(table, features), features)
    return pd.DataFrame(pushes, columns=pd.Index(features), index=table.index)


def explain(
    algorithm: Algorithm,
    fitted: Estimator,
    table: pd.DataFrame,
    features: list[str],
    matrix: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return the `TOP` features that raise and that lower the score of each deal most.

    Args:
        algorithm: the algorithm of the estimator.
        fitted: the estimator.
        table: the deals.
        features: the features that the estimator was fitted on.
        matrix: the algorithm's matrix of the deals, if it is known already.

    Returns:
        Arrow columns `pushed_up` and `pushed_down`: lists of `{feature, value, contribution}`, strongest
        first; a feature without effect is in neither.
    """
    lists: dict[str, list[pa.ListArray]] = {PUSHED_UP: [], PUSHED_DOWN: []}
    # Of equal size, so that all rows of a large month are explained in the same way.
    blocks = -(-len(table) // ROWS_EXPLAINED) or 1
    edges = [len(table) * block // blocks for block in range(blocks + 1)]
    for start, end in pairwise(edges):
        rows = table.iloc[start:end]
        known = algorithm.matrix(rows, features) if matrix is None else matrix.iloc[start:end]
        pushes = algorithm.contributions(fitted, known, features)
        codes, shown = _shown(rows, features)
        for column, sign in ((PUSHED_UP, 1), (PUSHED_DOWN, -1)):
            lists[column].append(_listed(pushes, sign, codes, shown, features))
    kept = {column: pd.arrays.ArrowExtensionArray(pa.chunked_array(parts)) for column, parts in lists.items()}
    return pd.DataFrame(kept, index=table.index)


def explained(
    pushes: np.ndarray, rows: Sequence[Mapping[str, Any]], features: list[str]
) -> list[dict[str, list[dict[str, Any]]]]:
    """Return for each of a few rows what `explain` says of it, as plain lists.

    Args:
        pushes: the contributions of the features, shape (rows, features).
        rows: the features of each row by name; None for missing values.
        features: the names of the columns of `pushes`.
    """
    found: list[dict[str, list[dict[str, Any]]]] = [{PUSHED_UP: [], PUSHED_DOWN: []} for _ in rows]
    for direction, sign in ((PUSHED_UP, 1), (PUSHED_DOWN, -1)):
        _, row, column = _strongest(pushes, sign)
        told = zip(row.tolist(), column.tolist(), pushes[row, column].tolist(), strict=True)
        for place, which, push in told:
            name = features[which]
            text = _text(rows[place][name])
            found[place][direction].append({"feature": name, "value": text, "contribution": push})
    return found


def importance(
    algorithm: Algorithm, fitted: Estimator, table: pd.DataFrame, features: list[str]
) -> pd.Series:
    """Return the mean absolute contribution of each feature over `table`, largest first."""
    return contributions(algorithm, fitted, table, features).abs().mean().sort_values(ascending=False)


def _strongest(pushes: np.ndarray, sign: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return how many pushes of one sign each row has, and the row and column of each, strongest first."""
    strength = sign * pushes
    order = np.argsort(-strength, axis=1, kind="stable")[:, :TOP]
    pushing = np.take_along_axis(strength, order, axis=1) > 0
    return pushing, np.nonzero(pushing)[0], order[pushing]


def _listed(
    pushes: np.ndarray, sign: int, codes: np.ndarray, shown: pa.Array, features: list[str]
) -> pa.ListArray:
    """Return the strongest pushes of one sign, as Arrow lists: Python objects would take gigabytes."""
    pushing, row, column = _strongest(pushes, sign)
    offsets = np.concatenate([[0], pushing.sum(axis=1).cumsum()])
    structs = pa.StructArray.from_arrays(
        [
            pa.array(features).take(pa.array(column)),
            shown.take(pa.array(codes[row, column])),
            pa.array(pushes[row, column].astype("float64")),
        ],
        ["feature", "value", "contribution"],
    )
    return pa.ListArray.from_arrays(pa.array(offsets, "int32"), structs)


def _shown(table: pd.DataFrame, features: list[str]) -> tuple[np.ndarray, pa.Array]:
    """Return all value texts, and for each value the number of its text, shape (rows, features)."""
    codes = np.empty((len(table), len(features)), dtype="int64")
    texts: list[str] = []
    for column, name in enumerate(features):
        own, values = pd.factorize(table[name], use_na_sentinel=False)
        codes[:, column] = own + len(texts)
        texts += map(_text, values)
    return codes, pa.array(texts, "string")


def _text(value: Any) -> str:
    if value is None or pd.isna(value):
        return "none"
    return f"{value:.5g}" if isinstance(value, float) else str(value)

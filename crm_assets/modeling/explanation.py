"""Why a deal got its probability: contributions of the raw features to the model's log-odds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from crm_assets.modeling.algorithms import CROSSED_BLOCK
from crm_assets.modeling.matrix import feature_matrix

TOP = 3
PUSHED_UP, PUSHED_DOWN = "pushed_up", "pushed_down"
# Bounds the memory that encoding and SHAP take, whatever the number of deals.
ROWS_AT_A_TIME = 50_000


def contributions(pipeline: Pipeline, table: pd.DataFrame, features: list[str]) -> pd.DataFrame:
    """How far each raw feature moves each deal from the average training deal.

    Trees: SHAP values (Lundberg et al., From Local Explanations to Global Understanding with
    Explainable AI for Trees, 2020) on the log-odds, for the random forest on the probability.
    Linear: coefficient times distance from the training mean; a term made of two features counts
    half for each. Columns that encode one feature are added up.

    Args:
        pipeline: fitted, one of `modeling.algorithms`.
        table: rows to explain, with at least the columns `features`.
        features: what the pipeline was fitted on.

    Returns:
        Shape (rows, features), in the order of both; columns are named like the features.
    """
    transform, model = pipeline[:-1], pipeline[-1]
    shares = _shares(list(transform.get_feature_names_out()), features)
    parts = []
    for start in range(0, max(len(table), 1), ROWS_AT_A_TIME):
        rows = feature_matrix(table.iloc[start : start + ROWS_AT_A_TIME], features)
        matrix = np.asarray(transform.transform(rows), dtype="float64")
        parts.append(_of_columns(model, matrix) @ shares)
    return pd.DataFrame(np.concatenate(parts), columns=pd.Index(features), index=table.index)


def explain(pipeline: Pipeline, table: pd.DataFrame, features: list[str]) -> pd.DataFrame:
    """The `TOP` features that push each deal most up, and most down.

    Returns:
        Columns `pushed_up` and `pushed_down`, kept by Arrow: lists of `{feature, value, contribution}`,
        the strongest first; a feature that does not push is in neither.
    """
    pushes = contributions(pipeline, table, features).to_numpy()
    codes, shown = _shown(table, features)
    up = _strongest(pushes, 1, codes, shown, features)
    down = _strongest(pushes, -1, codes, shown, features)
    return pd.DataFrame({PUSHED_UP: up, PUSHED_DOWN: down}, index=table.index)


def importance(pipeline: Pipeline, table: pd.DataFrame, features: list[str]) -> pd.Series:
    """Mean absolute contribution of each feature over `table`, the largest first."""
    return contributions(pipeline, table, features).abs().mean().sort_values(ascending=False)


def _strongest(
    pushes: np.ndarray, sign: int, codes: np.ndarray, shown: pa.Array, features: list[str]
) -> pd.arrays.ArrowExtensionArray:
    """The strongest pushes of one sign, as Arrow lists: a Python object for each would be gigabytes."""
    strength = sign * pushes
    order = np.argsort(-strength, axis=1, kind="stable")[:, :TOP]
    pushing = np.take_along_axis(strength, order, axis=1) > 0
    column, row = order[pushing], np.nonzero(pushing)[0]
    offsets = np.concatenate([[0], pushing.sum(axis=1).cumsum()])
    structs = pa.StructArray.from_arrays(
        [
            pa.array(features).take(pa.array(column)),
            shown.take(pa.array(codes[row, column])),
            pa.array(pushes[row, column].astype("float64")),
        ],
        ["feature", "value", "contribution"],
    )
    lists = pa.ListArray.from_arrays(pa.array(offsets, "int32"), structs)
    return pd.arrays.ArrowExtensionArray(pa.chunked_array([lists]))


def _shown(table: pd.DataFrame, features: list[str]) -> tuple[np.ndarray, pa.Array]:
    """What is shown of each value: its number among all texts, shape (rows, features), and the texts."""
    codes = np.empty((len(table), len(features)), dtype="int64")
    texts: list[str] = []
    for column, name in enumerate(features):
        own, values = pd.factorize(table[name], use_na_sentinel=False)
        codes[:, column] = own + len(texts)
        texts += ["none" if pd.isna(v) else f"{v:.5g}" if isinstance(v, float) else str(v) for v in values]
    return codes, pa.array(texts, "string")


def _of_columns(model: object, matrix: np.ndarray) -> np.ndarray:
    """Contributions of the transformed columns, shape of `matrix`."""
    if isinstance(model, LogisticRegression):
        return matrix * model.coef_[0]
    if isinstance(model, RandomForestClassifier | HistGradientBoostingClassifier):
        import shap

        values = np.asarray(shap.TreeExplainer(model).shap_values(matrix, check_additivity=False))
        return values[..., 1] if values.ndim == 3 else values
    import xgboost

    if not isinstance(model, xgboost.XGBClassifier):
        raise TypeError(f"No contributions are known for {type(model).__name__}: add them here.")
    return model.get_booster().predict(xgboost.DMatrix(matrix), pred_contribs=True)[:, :-1]


def _shares(columns: list[str], features: list[str]) -> np.ndarray:
    """Which transformed column counts for which feature, shape (columns, features).

    Names are those of scikit-learn's ColumnTransformer: `block__feature_category`, and for
    products `block__feature_term feature_term`.
    """
    shares = np.zeros((len(columns), len(features)))
    for row, column in enumerate(columns):
        block, name = column.split("__", 1)
        terms = [part.split("__")[-1] for part in name.split(" ")] if block == CROSSED_BLOCK else [name]
        for term in terms:
            owner = max((f for f in features if term == f or term.startswith(f"{f}_")), key=len)
            shares[row, features.index(owner)] += 1 / len(terms)
    return shares

"""Algorithms that learn from rows accept all features that the audit admits, and values of later months."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import Pipeline

from crm_assets.crm.feature_table import FEATURE_NAMES, FEATURES
from crm_assets.modeling.algorithms import ALGORITHMS, algorithm
from crm_assets.modeling.explanation import contributions
from crm_assets.modeling.matrix import NO_CATEGORY, feature_matrix
from crm_assets_tests.modeling.conftest import NAMES, OF_ROWS, Training, fit

Fitted = dict[str, Pipeline]


def test_the_algorithms_are_listed_from_simple_to_complex() -> None:
    assert NAMES == [
        "closing_hazard",
        "logistic_regression",
        "random_forest",
        "xgboost",
        "gradient_boosting",
    ]
    assert [algorithm(name) for name in NAMES] == list(ALGORITHMS)
    assert all(row.description.endswith(".") for row in ALGORITHMS)


@pytest.mark.parametrize("name", OF_ROWS)
def test_scores_are_probabilities(fitted: Fitted, sample: Training, name: str) -> None:
    probability = fitted[name].predict_proba(feature_matrix(sample.table, sample.features))
    assert probability.shape == (len(sample.table), 2)
    assert ((probability >= 0) & (probability <= 1)).all()
    assert np.allclose(probability.sum(axis=1), 1)
    assert np.unique(probability[:, 1]).size > 100


@pytest.mark.parametrize("name", OF_ROWS)
def test_missing_values_and_names_never_seen_are_scored(fitted: Fitted, sample: Training, name: str) -> None:
    rows = sample.table.head(4).copy()
    for feature in FEATURES:
        if feature.dtype == "category":
            rows[feature.name] = "never seen before"
        elif feature.nullable:
            rows[feature.name] = np.nan
    rows["days_open"] = 10_000
    probability = fitted[name].predict_proba(feature_matrix(rows, sample.features))
    assert np.isfinite(probability).all()


@pytest.mark.parametrize("name", OF_ROWS)
@pytest.mark.parametrize(
    "features",
    [
        ["days_open"],
        ["month_of_quarter"],
        ["sales_agent"],
        ["agent_win_rate", "product"],
        ["product", "product_series", "product_win_rate", "days_open", "month_of_quarter"],
        ["month_of_quarter", "sector", "days_open"],
    ],
    ids="+".join,
)
def test_any_admitted_features_can_be_learned_from_and_explained(
    sample: Training, name: str, features: list[str]
) -> None:
    table = sample.table[sample.table["snapshot_month"] <= sample.split.first_months[-1]]
    pipeline = fit(name, table, features)
    assert np.isfinite(pipeline.predict_proba(feature_matrix(table, features))).all()
    assert contributions(algorithm(name), pipeline, table.head(5), features).columns.tolist() == features


@pytest.mark.parametrize("name", OF_ROWS)
def test_a_first_month_whose_win_rates_are_all_missing_can_be_learned_from(
    sample: Training, name: str
) -> None:
    first = sample.table[sample.table["snapshot_month"] == sample.split.first_months[0]]
    assert first["agent_win_rate"].isna().all()
    pipeline = fit(name, first, sample.features)
    assert np.isfinite(pipeline.predict_proba(feature_matrix(sample.table, sample.features))).all()


@pytest.mark.parametrize("name", OF_ROWS)
def test_only_the_given_features_are_looked_at(sample: Training, name: str) -> None:
    features = ["days_open", "month_of_quarter", "sales_agent"]
    table = sample.table[sample.table["snapshot_month"] <= sample.split.first_months[-1]]
    others = {column: None for column in FEATURE_NAMES if column not in features}
    scores = [
        fit(name, rows, features).predict_proba(feature_matrix(rows, features))
        for rows in (table, table.assign(**others))
    ]
    assert scores[0].tolist() == scores[1].tolist()


def test_the_feature_matrix_has_one_dtype_per_feature_whatever_the_month() -> None:
    full = pd.DataFrame(
        {"sector": ["retail", None], "has_account": [True, False], "account_closed_deals": [1, None]}
    )
    empty = pd.DataFrame({"sector": [None], "has_account": [False], "account_closed_deals": [None]})
    features = ["account_closed_deals", "sector", "has_account"]
    for table in (full, empty, full.head(0)):
        matrix = feature_matrix(table, features)
        assert matrix.columns.tolist() == features
        assert matrix.dtypes.astype(str).tolist() == ["float64", "category", "float64"]
    assert feature_matrix(full, features)["sector"].tolist() == ["retail", NO_CATEGORY]
    assert feature_matrix(full, features)["has_account"].tolist() == [1.0, 0.0]

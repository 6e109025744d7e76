"""Explanations add up to the score, and name at most three features each way."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import Pipeline

from crm_assets.modeling.algorithms import algorithm
from crm_assets.modeling.explanation import PUSHED_DOWN, PUSHED_UP, contributions, explain, importance
from crm_assets.modeling.matrix import feature_matrix
from crm_assets_tests.modeling.conftest import OF_ROWS, Training, fit

Fitted = dict[str, Pipeline]
LOGISTIC = algorithm("logistic_regression")


def rows(sample: Training) -> pd.DataFrame:
    """Return the rows of a month that the fitted pipelines have not seen."""
    return sample.table[sample.table["snapshot_month"] == sample.split.test[0]].head(120)


def score(pipeline: Pipeline, table: pd.DataFrame, features: list[str], name: str) -> np.ndarray:
    """Return the score in the unit of contributions: log-odds, or probability for the random forest."""
    probability = pipeline.predict_proba(feature_matrix(table, features))[:, 1].astype("float64")
    return probability if name == "random_forest" else np.log(probability / (1 - probability))


@pytest.mark.parametrize("name", OF_ROWS)
def test_contributions_add_up_to_the_distance_from_the_average(
    fitted: Fitted, sample: Training, name: str
) -> None:
    table = rows(sample)
    pushes = contributions(algorithm(name), fitted[name], table, sample.features)
    rest = score(fitted[name], table, sample.features, name) - pushes.sum(axis=1).to_numpy()
    # The part that no feature explains is the same for every deal: the average.
    assert np.ptp(rest) < (1e-4 if name == "xgboost" else 1e-9)
    early = sample.table[sample.table["snapshot_month"] < sample.split.test[0]]
    average = score(fitted[name], early, sample.features, name).mean()
    # XGBoost weights its average by uncertainty, the forest by its random draws of deals.
    tolerance = {"xgboost": 1.0, "random_forest": 0.01}.get(name, 1e-6)
    assert rest.mean() == pytest.approx(average, abs=tolerance)


@pytest.mark.parametrize("name", OF_ROWS)
def test_contributions_are_of_the_raw_features_and_of_these_deals(
    fitted: Fitted, sample: Training, name: str
) -> None:
    table = rows(sample)
    pushes = contributions(algorithm(name), fitted[name], table, sample.features)
    assert pushes.columns.tolist() == sample.features
    assert pushes.index.tolist() == table.index.tolist()
    assert np.isfinite(pushes.to_numpy()).all()


@pytest.mark.parametrize("name", OF_ROWS)
def test_at_most_three_features_push_each_way_the_strongest_first_with_the_right_sign(
    fitted: Fitted, sample: Training, name: str
) -> None:
    table = rows(sample)
    pushes = contributions(algorithm(name), fitted[name], table, sample.features)
    why = explain(algorithm(name), fitted[name], table, sample.features)
    assert why.index.tolist() == table.index.tolist()
    for index, up, down in zip(table.index, why[PUSHED_UP], why[PUSHED_DOWN], strict=True):
        all_pushes = pushes.loc[index].sort_values()
        gains, losses = all_pushes[all_pushes > 0][::-1], all_pushes[all_pushes < 0]
        assert [push["contribution"] for push in up] == gains.head(3).tolist()
        assert [push["contribution"] for push in down] == losses.head(3).tolist()
        for push in [*up, *down]:
            assert push["contribution"] == pushes.loc[index, push["feature"]]
            assert push["feature"] in sample.features


def test_the_values_shown_are_those_of_the_deal(fitted: Fitted, sample: Training) -> None:
    table = rows(sample)
    why = explain(LOGISTIC, fitted["logistic_regression"], table, sample.features)
    shown = [
        (push["feature"], push["value"], table.loc[index, push["feature"]])
        for index, lists in why.iterrows()
        for pushes in lists
        for push in pushes
    ]
    for _, text, value in shown:
        if pd.isna(value):
            assert text == "none"
        elif isinstance(value, float):
            assert float(text) == pytest.approx(value, rel=1e-3)
        else:
            assert text == str(value)
    assert {"days_open", "sales_agent"} <= {name for name, *_ in shown}


def test_a_feature_that_decides_everything_gets_the_credit(sample: Training) -> None:
    features = ["days_open", "sales_agent", "list_price"]
    table = sample.table.assign(won_next_month=(sample.table["list_price"] > 1_000).astype("int64"))
    for name in OF_ROWS:
        pipeline = fit(name, table, features)
        assert importance(algorithm(name), pipeline, table.head(200), features).index[0] == "list_price"
        why = explain(algorithm(name), pipeline, table.head(200), features)
        expensive = table["list_price"].head(200) > 1_000
        assert all(push[0]["feature"] == "list_price" for push in why.loc[expensive, PUSHED_UP])
        assert all(push[0]["feature"] == "list_price" for push in why.loc[~expensive, PUSHED_DOWN])


def test_importance_is_sorted_and_covers_every_feature(fitted: Fitted, sample: Training) -> None:
    weights = importance(LOGISTIC, fitted["logistic_regression"], rows(sample), sample.features)
    assert sorted(weights.index) == sorted(sample.features)
    assert weights.is_monotonic_decreasing
    assert (weights >= 0).all()

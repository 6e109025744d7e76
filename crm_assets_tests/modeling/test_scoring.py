"""No month is scored by a model that learned from its outcome."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from crm_assets.crm.tables import REVENUE_FORECAST, WIN_PREDICTIONS
from crm_assets.modeling.champion import Candidate
from crm_assets.modeling.forecast import TOTAL, expected_values, revenue_forecast
from crm_assets.modeling.matrix import feature_matrix
from crm_assets.modeling.scoring import Champion, win_predictions
from crm_assets_tests.modeling.conftest import Training

LIVE = "2023-12"


class Forbidden:
    """A model that must not be called."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"the champion was asked for {name}")


def champion_of(candidate: Candidate, model: Any = None) -> Champion:
    return Champion(
        "7",
        candidate.algorithm,
        model or candidate.model,
        candidate.features,
        candidate.trained_months,
        candidate.explained,
    )


# What predictions and forecasts of several months share, as in a run.
MEMO: dict[Any, Any] = {}


def predict(training: Training, champion: Champion, month: str) -> pd.DataFrame:
    store = training.chain.store
    values = store.to_pandas(expected_values(store.read("monthly_snapshots", [month])))
    return win_predictions(
        training.chain.features(month), values, training.chain.snapshot(month), champion, month, MEMO
    )


def test_a_month_that_the_champion_learned_from_gets_its_walk_forward_prediction(
    sample: Training, sample_candidate: Candidate
) -> None:
    champion = champion_of(sample_candidate, Forbidden())
    for month in sample_candidate.split.scored:
        predictions = predict(sample, champion, month)
        assert predictions["scored_by"].unique().tolist() == ["walk_forward"]
        past = sample_candidate.explained[month].set_index("opportunity_id")
        rows = predictions.set_index("opportunity_id")
        assert sorted(rows.index) == sorted(past.index)
        for column in ("probability", "pushed_up", "pushed_down"):
            assert rows[column].tolist() == past.loc[rows.index, column].tolist()


def test_a_later_month_is_scored_by_the_champion(sample: Training, sample_candidate: Candidate) -> None:
    assert max(sample_candidate.trained_months) < LIVE
    predictions = predict(sample, champion_of(sample_candidate), LIVE)
    features = sample.chain.features(LIVE)
    expected = sample_candidate.model.predict_proba(feature_matrix(features, sample_candidate.features))[:, 1]
    by_deal = dict(zip(features["opportunity_id"], expected, strict=True))
    assert predictions["scored_by"].unique().tolist() == ["champion"]
    assert predictions["probability"].tolist() == [by_deal[deal] for deal in predictions["opportunity_id"]]
    assert predictions["algorithm"].eq(sample_candidate.algorithm).all()
    assert predictions["model_version"].eq("7").all()
    assert predictions["pushed_up"].map(len).between(0, 3).all()


def test_every_open_deal_has_one_row_the_likeliest_first(
    sample: Training, sample_candidate: Candidate
) -> None:
    for month in [*sample_candidate.split.test, LIVE]:
        predictions = predict(sample, champion_of(sample_candidate), month)
        open_deals = sample.chain.features(month)["opportunity_id"].tolist()
        assert sorted(predictions["opportunity_id"]) == open_deals
        assert predictions["probability"].is_monotonic_decreasing
        assert predictions["probability"].between(0, 1).all()
        assert list(predictions.columns) == WIN_PREDICTIONS.names


def test_expected_revenue_is_probability_times_worth_and_adds_up(
    sample: Training, sample_candidate: Candidate
) -> None:
    predictions = predict(sample, champion_of(sample_candidate), LIVE)
    product = predictions["probability"] * predictions["expected_value"]
    assert predictions["expected_revenue"].tolist() == product.tolist()
    total = revenue_forecast(predictions, sample.chain.snapshot(LIVE), LIVE, sample.features, MEMO).iloc[0]
    assert total["level"] == TOTAL
    assert total["expected_revenue"] == pytest.approx(product.sum())
    assert total["expected_wins"] == pytest.approx(predictions["probability"].sum())
    assert total["open_deals"] == len(predictions)


def test_a_month_before_which_too_little_had_happened_has_no_predictions_but_all_columns(
    sample: Training, sample_candidate: Candidate
) -> None:
    store = sample.chain.store
    for month in ["2022-10", *sample_candidate.split.first_months]:
        predictions = predict(sample, champion_of(sample_candidate, Forbidden()), month)
        assert len(predictions) == 0
        assert list(predictions.columns) == WIN_PREDICTIONS.names
        assert store.write("no_predictions", predictions, WIN_PREDICTIONS.arrow, month) == 0
        forecast = revenue_forecast(predictions, sample.chain.snapshot(month), month, sample.features)
        assert store.write("no_forecast", forecast, REVENUE_FORECAST.arrow, month) == 0


def test_a_live_month_without_open_deals_has_no_predictions(
    sample: Training, sample_candidate: Candidate
) -> None:
    features = sample.chain.features(LIVE).head(0)
    values = pd.DataFrame({"opportunity_id": [], "account": [], "expected_value": []}).astype(
        {"opportunity_id": object, "account": object}
    )
    snapshot = sample.chain.snapshot(LIVE)
    predictions = win_predictions(features, values, snapshot, champion_of(sample_candidate), LIVE)
    assert len(predictions) == 0
    assert list(predictions.columns) == WIN_PREDICTIONS.names
    assert sample.chain.store.write("nothing_open", predictions, WIN_PREDICTIONS.arrow, LIVE) == 0


def test_predictions_can_be_stored_and_read_back(sample: Training, sample_candidate: Candidate) -> None:
    store = sample.chain.store
    for month in (sample_candidate.split.test[0], LIVE):
        predictions = predict(sample, champion_of(sample_candidate), month)
        store.write("predictions", predictions, WIN_PREDICTIONS.arrow, month)
        back = store.to_pandas(store.read("predictions", [month]))
        plain = [name for name in WIN_PREDICTIONS.names if not name.startswith("pushed")]
        assert_frame_equal(back[plain], predictions[plain], check_dtype=False)
        assert [[dict(p) for p in pushes] for pushes in back["pushed_up"]] == predictions[
            "pushed_up"
        ].tolist()


def test_scoring_a_deal_does_not_depend_on_the_others(sample: Training, sample_candidate: Candidate) -> None:
    features = sample.chain.features(LIVE)
    model, names = sample_candidate.model, sample_candidate.features
    together = model.predict_proba(feature_matrix(features, names))[:, 1]
    alone = [model.predict_proba(feature_matrix(features.iloc[[row]], names))[0, 1] for row in range(20)]
    assert np.allclose(together[:20], alone, rtol=1e-12)

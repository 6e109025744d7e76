"""Calibration gives probabilities that can be added up, and learns only from earlier months."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from sklearn.isotonic import IsotonicRegression

from crm_assets.crm.feature_table import LABEL
from crm_assets.modeling.calibration import (
    CalibratedModel,
    calibrate_walk_forward,
    calibrated,
    choose_calibration,
    fit_calibrator,
)
from crm_assets.modeling.calibration_row import Calibration
from crm_assets.modeling.calibrations import CALIBRATIONS
from crm_assets.modeling.folds import Split
from crm_assets.modeling.matrix import feature_matrix
from crm_assets.modeling.metrics import expected_calibration_error, scores
from crm_assets_tests.modeling.conftest import Training

SPLIT = Split(["2023-01"], ["2023-02", "2023-03", "2023-04"], ["2023-05", "2023-06"])


def overconfident(seed: int = 0, n: int = 600) -> pd.DataFrame:
    """Return walk-forward scores that are twice the true probability."""
    random = np.random.default_rng(seed)
    score = random.uniform(0, 1, n * len(SPLIT.scored))
    return pd.DataFrame(
        {
            "snapshot_month": np.repeat(SPLIT.scored, n),
            "opportunity_id": [f"D{number}" for number in range(len(score))],
            LABEL.name: (random.random(len(score)) < score / 2).astype("int64"),
            "probability": score,
        }
    )


def inverted(predictions: pd.DataFrame, months: list[str]) -> pd.DataFrame:
    chosen = predictions["snapshot_month"].isin(months)
    label = predictions[LABEL.name]
    return predictions.assign(**{LABEL.name: label.where(~chosen, 1 - label)})


def of_months(predictions: pd.DataFrame, months: list[str]) -> list[float]:
    return predictions.loc[predictions["snapshot_month"].isin(months), "probability"].tolist()


def test_test_months_are_calibrated_on_validation_months_alone() -> None:
    predictions = overconfident()
    before, after = (
        calibrate_walk_forward(table, SPLIT) for table in (predictions, inverted(predictions, SPLIT.test))
    )
    assert of_months(after, SPLIT.scored) == of_months(before, SPLIT.scored)
    validation = predictions[predictions["snapshot_month"].isin(SPLIT.validation)]
    test = predictions[predictions["snapshot_month"].isin(SPLIT.test)]
    expected = calibrated(fit_calibrator(validation), test["probability"].to_numpy())
    assert of_months(before, SPLIT.test) == expected.tolist()


def test_a_validation_month_is_calibrated_on_the_months_before_it() -> None:
    predictions = overconfident()
    before = calibrate_walk_forward(predictions, SPLIT)
    after = calibrate_walk_forward(inverted(predictions, ["2023-03"]), SPLIT)
    assert of_months(after, ["2023-02", "2023-03"]) == of_months(before, ["2023-02", "2023-03"])
    assert of_months(after, ["2023-04"]) != of_months(before, ["2023-04"])
    assert of_months(before, ["2023-02"]) == of_months(predictions, ["2023-02"])


def test_calibration_keeps_rows_outcomes_and_the_former_score() -> None:
    predictions = overconfident()
    result = calibrate_walk_forward(predictions, SPLIT)
    assert_frame_equal(result.drop(columns=["probability", "score"]), predictions.drop(columns="probability"))
    assert result["score"].tolist() == predictions["probability"].tolist()


def test_calibrated_probabilities_add_up_to_the_wins() -> None:
    predictions = overconfident()
    test = calibrate_walk_forward(predictions, SPLIT).query("snapshot_month in @SPLIT.test")
    realized = test[LABEL.name].sum()
    assert predictions["probability"].mean() * len(test) > 1.8 * realized
    assert test["probability"].sum() == pytest.approx(realized, rel=0.05)


@pytest.mark.parametrize("row", CALIBRATIONS, ids=lambda row: row.name)
@pytest.mark.parametrize("shape", ["overconfident", "steps", "few", "hopeless"])
def test_calibration_never_changes_the_ranking_and_is_never_sure(row: Calibration, shape: str) -> None:
    table = overconfident(n=20 if shape == "few" else 600)
    score = table["probability"]
    if shape == "steps":
        # Nothing below 0.3 is ever won, everything above 0.9 is.
        won = np.select([score < 0.3, score > 0.9], [0, 1], table[LABEL.name])
        table[LABEL.name] = won
    if shape == "hopeless":
        table[LABEL.name] = (score < 0.5).astype("int64")
    seen = np.linspace(0.001, 0.999, 999)
    probability = calibrated(fit_calibrator(table, row), seen)
    assert (np.diff(probability) > 0).all()
    ends = calibrated(fit_calibrator(table, row), np.array([0.0, 1.0]))
    assert ends.min() > 0
    assert ends.max() < 1


@pytest.mark.parametrize("row", CALIBRATIONS[1:], ids=lambda row: row.name)
def test_every_calibration_mends_overconfident_scores(row: Calibration) -> None:
    seen = np.array([0.2, 0.4, 0.6, 0.8])
    probability = calibrated(fit_calibrator(overconfident(n=5_000), row), seen)
    assert probability == pytest.approx(seen / 2, abs=0.05)


def test_a_calibration_is_kept_only_where_it_helps() -> None:
    predictions = overconfident()
    assert choose_calibration(predictions, SPLIT).name != "none"
    honest = predictions.assign(probability=predictions["probability"] / 2)
    assert choose_calibration(honest, SPLIT).name == "none"
    # The test months have no say.
    assert choose_calibration(inverted(honest, SPLIT.test), SPLIT).name == "none"


def test_without_two_validation_months_to_compare_on_the_default_is_used() -> None:
    few = Split(["2023-01"], ["2023-02"], ["2023-05", "2023-06"])
    assert choose_calibration(overconfident(), few).name == "isotonic"


def test_the_steps_of_older_stored_models_are_still_read() -> None:
    steps = IsotonicRegression(out_of_bounds="clip").fit([0.1, 0.5, 0.9], [0, 0, 1])
    assert calibrated(steps, np.array([0.5, 0.9])) == pytest.approx([0.0005, 0.9999])


@pytest.mark.parametrize("outcomes", [[], [0, 0, 0], [1, 1]])
def test_without_both_outcomes_scores_stay_as_they_are(outcomes: list[int]) -> None:
    table = pd.DataFrame({LABEL.name: outcomes, "probability": np.linspace(0, 1, len(outcomes))})
    calibrator = fit_calibrator(table)
    assert calibrator is None
    score = np.array([0.2, 0.9])
    assert calibrated(calibrator, score).tolist() == score.tolist()


def test_a_calibrated_model_is_its_pipeline_followed_by_its_calibrator(
    sample: Training, sample_backtests: dict[str, pd.DataFrame], fitted: dict
) -> None:
    pipeline = fitted["logistic_regression"]
    calibrator = fit_calibrator(sample_backtests["logistic_regression"])
    matrix = feature_matrix(sample.table.head(50), sample.features)
    probability = CalibratedModel(pipeline, calibrator).predict_proba(matrix)
    expected = calibrated(calibrator, pipeline.predict_proba(matrix)[:, 1])
    assert probability.shape == (50, 2)
    assert probability[:, 1].tolist() == expected.tolist()
    assert probability.sum(axis=1).tolist() == pytest.approx([1] * 50)
    assert CalibratedModel(pipeline, calibrator).predict(matrix).tolist() == (expected > 0.5).tolist()


def test_refitting_a_calibrated_model_refits_the_pipeline_and_keeps_the_calibrator(
    sample: Training,
) -> None:
    from sklearn.base import clone

    from crm_assets.modeling.algorithms import algorithm

    calibrator = fit_calibrator(overconfident())
    model = CalibratedModel(algorithm("logistic_regression").build(sample.features, 1), calibrator)
    outcome = sample.table[LABEL.name].to_numpy(dtype="int64")
    model.fit(feature_matrix(sample.table, sample.features), outcome)
    assert model.calibrator is calibrator
    assert clone(model).get_params()["pipeline"] is not model.pipeline


def test_metrics_of_hand_made_predictions() -> None:
    outcome, probability = np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])
    figures = scores(outcome, probability)
    assert figures["roc_auc"] == 0.75
    assert figures["brier"] == pytest.approx((0.01 + 0.16 + 0.4225 + 0.04) / 4)
    assert figures["log_loss"] == pytest.approx(-np.log([0.9, 0.6, 0.35, 0.8]).mean())
    assert (figures["expected_wins"], figures["realized_wins"]) == (pytest.approx(1.65), 2)
    assert expected_calibration_error(outcome, probability, bins=2) == pytest.approx((0.275 + 0.1) / 2)
    assert np.isnan(scores(np.zeros(3), np.full(3, 0.1))["roc_auc"])

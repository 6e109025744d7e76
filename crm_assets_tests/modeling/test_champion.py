"""The champion of the real dump: as good as possible without leaks, chosen without the test months."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from crm_assets.crm.feature_table import LABEL
from crm_assets.crm.tables import CHAMPION
from crm_assets.errors import NotEnoughDataError
from crm_assets.modeling.algorithms import algorithm
from crm_assets.modeling.baselines import seasonal_rate
from crm_assets.modeling.calibration import calibrate_walk_forward, choose_calibration, fit_calibrator
from crm_assets.modeling.champion import Candidate, calibration_of, decided, leaderboard
from crm_assets.modeling.folds import last_lesson, learn
from crm_assets.modeling.matrix import feature_matrix
from crm_assets.modeling.metrics import METRICS, POOLED, pooled, scores_by_month
from crm_assets.modeling.pooled import rate_in_force, seasonal_rates
from crm_assets.modeling.training_rows import HeldRows
from crm_assets.modeling.verdicts import SEASONAL_RATE
from crm_assets_tests.modeling.conftest import NAMES, SEED, Training

Backtests = dict[str, pd.DataFrame]

# No model reaches this on the real dump unless it uses the account, whose absence leaks the future.
LEAKED_AUC = 0.87


def chosen(board: pd.DataFrame) -> pd.Series:
    return board[board["chosen"]].squeeze()


def test_the_champion_of_the_real_dump_ranks_and_calibrates_well(real_candidate: Candidate) -> None:
    row = chosen(real_candidate.leaderboard)
    assert row["contender"] == "closing_hazard"
    assert row["test_roc_auc"] >= 0.855
    assert row["test_brier"] <= 0.082
    assert row["test_realized_wins"] == 814
    assert real_candidate.split.test == ["2017-09", "2017-10", "2017-11"]


def test_the_champion_beats_the_seasonal_rate_on_every_score(real_candidate: Candidate) -> None:
    board = real_candidate.leaderboard.set_index("contender")
    champion, baseline = board.loc[real_candidate.algorithm], board.loc[SEASONAL_RATE]
    assert champion["test_roc_auc"] > baseline["test_roc_auc"] + 0.1
    for metric in ("brier", "log_loss", "ece"):
        assert champion[f"test_{metric}"] < baseline[f"test_{metric}"]
    assert baseline["test_realized_wins"] == champion["test_realized_wins"]


def test_no_algorithm_is_as_good_as_only_a_leak_could_make_it(real_candidate: Candidate) -> None:
    board = real_candidate.leaderboard
    assert board[["validation_roc_auc", "test_roc_auc"]].max(axis=None) < LEAKED_AUC


def test_the_leaderboard_shows_every_algorithm_and_the_baseline_the_chosen_one_first(
    real_candidate: Candidate,
) -> None:
    board = decided(real_candidate.leaderboard, True, None, None)
    assert sorted(board["contender"]) == sorted([*NAMES, SEASONAL_RATE])
    assert board["chosen"].tolist() == [True, *[False] * 5]
    assert board["baseline"].tolist() == [*[False] * 5, True]
    assert sorted(board.columns) == sorted(CHAMPION.names)
    assert board.notna().all(axis=None)


def test_the_choice_ignores_the_test_months(
    real: Training, real_backtests: Backtests, real_candidate: Candidate
) -> None:
    def upside_down(table: pd.DataFrame) -> pd.DataFrame:
        in_test = table["snapshot_month"].isin(real.split.test)
        changed = {LABEL.name: table[LABEL.name].where(~in_test, 1 - table[LABEL.name])}
        if "probability" in table:
            changed["probability"] = table["probability"].where(~in_test, 1 - table["probability"])
        return table.assign(**changed)

    # The winner is terrible on the test months, the others are excellent.
    backtests = {
        name: upside_down(scores).assign(
            probability=lambda t, lost=name == real_candidate.algorithm: t["probability"].where(
                ~t["snapshot_month"].isin(real.split.test), 1 - t[LABEL.name] if lost else t[LABEL.name]
            )
        )
        for name, scores in real_backtests.items()
    }
    board, _ = leaderboard(HeldRows(upside_down(real.table)), backtests, real.split)
    board = board.set_index("contender")
    before = real_candidate.leaderboard.set_index("contender")
    assert chosen(board.reset_index())["contender"] == real_candidate.algorithm
    validation = [name for name in before if name.startswith("validation_")]
    assert_frame_equal(board.loc[before.index, validation], before[validation])
    assert board.loc[real_candidate.algorithm, "test_roc_auc"] < 0.1


def test_the_test_months_are_calibrated_on_validation_months_alone(
    real: Training, real_backtests: Backtests, real_candidate: Candidate
) -> None:
    scores = real_backtests[real_candidate.algorithm]
    in_test = scores["snapshot_month"].isin(real.split.test)
    other = scores.assign(**{LABEL.name: scores[LABEL.name].where(~in_test, 1 - scores[LABEL.name])})
    assert choose_calibration(other, real.split).name == real_candidate.calibration
    calibration = calibration_of(real_candidate.leaderboard)
    again = calibrate_walk_forward(other, real.split, calibration=calibration)["probability"]
    assert again.tolist() == real_candidate.walk_forward["probability"].tolist()


def test_the_reported_figures_are_those_of_the_walk_forward_predictions(
    real_backtests: Backtests, real_candidate: Candidate
) -> None:
    row, split = chosen(real_candidate.leaderboard), real_candidate.split
    test = pooled(real_candidate.walk_forward, split.test)
    validation = pooled(real_backtests[real_candidate.algorithm], split.validation)
    for metric in METRICS:
        assert row[f"test_{metric}"] == test[metric]
        assert row[f"validation_{metric}"] == validation[metric]
    by_month = scores_by_month(real_candidate.walk_forward, split.test)
    assert by_month["snapshot_month"].tolist() == [*split.test, POOLED]
    assert by_month["realized_wins"].tolist() == [54, 329, 431, 814]
    assert by_month["deals"].tolist() == [2_409, 2_604, 2_119, 7_132]


def test_the_champion_is_refitted_on_all_labeled_months_and_calibrated_on_all_scored_ones(
    real: Training, real_backtests: Backtests, real_candidate: Candidate
) -> None:
    assert real_candidate.trained_months == [*real.split.first_months, *real.split.scored]
    assert real_candidate.features == real.features
    row = algorithm(real_candidate.algorithm)
    refitted = learn(row, last_lesson(real.rows, real.features, SEED, real.chain.snapshot))
    matrix = row.matrix(real.table.tail(200), real.features)
    score = row.scores(refitted, matrix)
    assert real_candidate.model.pipeline.predict_proba(matrix)[:, 1].tolist() == score.tolist()
    scores = real_backtests[real_candidate.algorithm]
    calibrator = fit_calibrator(scores, calibration_of(real_candidate.leaderboard))
    assert calibrator is not None
    assert real_candidate.model.calibrator is not None
    grid = np.linspace(0, 1, 101)
    assert real_candidate.model.calibrator.predict(grid).tolist() == calibrator.predict(grid).tolist()


def test_every_walk_forward_prediction_is_explained(sample_candidate: Candidate) -> None:
    predictions = pd.concat(sample_candidate.explained.values())
    assert predictions["snapshot_month"].unique().tolist() == sample_candidate.split.scored
    known = sample_candidate.walk_forward
    assert_frame_equal(predictions[known.columns].reset_index(drop=True), known)
    assert predictions[["pushed_up", "pushed_down"]].notna().all(axis=None)
    assert (predictions["pushed_up"].map(len) + predictions["pushed_down"].map(len) > 0).all()


def test_two_runs_give_the_same_candidate(
    sample: Training, sample_backtests: Backtests, sample_candidate: Candidate
) -> None:
    again = sample.candidate({name: sample.backtest(name, sample.split.scored) for name in sample_backtests})
    assert_frame_equal(again.leaderboard, sample_candidate.leaderboard)
    for month in (sample.split.scored[0], sample.split.scored[-1]):
        second, first = (made.explained[month].to_dict("records") for made in (again, sample_candidate))
        assert second == first
    matrix = feature_matrix(sample.table, sample.features)
    probability = again.model.predict_proba(matrix)
    assert probability.tolist() == sample_candidate.model.predict_proba(matrix).tolist()


def _backtest(months: list[str], noise: float) -> pd.DataFrame:
    """Return scores that rank better with less noise."""
    outcome = np.tile([0, 0, 0, 1], 100 * len(months))
    random = np.random.default_rng(0)
    score = 1 / (1 + np.exp(-(2 * outcome - 1 + noise * random.normal(size=len(outcome)))))
    return pd.DataFrame(
        {
            "snapshot_month": np.repeat(months, 400),
            "opportunity_id": [f"D{number}" for number in range(len(outcome))],
            LABEL.name: outcome,
            "probability": score,
        }
    )


def test_among_algorithms_that_chance_cannot_tell_apart_the_simplest_is_chosen(sample: Training) -> None:
    scored = sample.split.scored
    even = {name: _backtest(scored, noise=1 - step / 100) for step, name in enumerate(NAMES)}
    board, _ = leaderboard(sample.rows, even, sample.split)
    assert board["validation_roc_auc"].idxmax() > 0
    assert chosen(board)["contender"] == NAMES[0]
    better = even | {"gradient_boosting": _backtest(scored, noise=0.4)}
    board, _ = leaderboard(sample.rows, better, sample.split)
    assert chosen(board)["contender"] == "gradient_boosting"


def test_validation_months_without_a_win_are_refused_with_a_sentence(
    sample: Training, sample_backtests: Backtests
) -> None:
    def without_wins(table: pd.DataFrame) -> pd.DataFrame:
        chosen = table["snapshot_month"].isin(sample.split.validation)
        return table.assign(**{LABEL.name: table[LABEL.name].mask(chosen, 0)})

    backtests = {name: without_wins(scores) for name, scores in sample_backtests.items()}
    with pytest.raises(NotEnoughDataError, match="No deal, or every deal, is won in the validation months"):
        leaderboard(sample.rows, backtests, sample.split)


def test_the_champion_in_force_stands_beside_the_contenders(sample_candidate: Candidate) -> None:
    former = dict.fromkeys(METRICS, 0.5)
    board = decided(sample_candidate.leaderboard, False, "3", former)
    row = board.iloc[-1]
    assert (row["contender"], row["baseline"], row["chosen"]) == ("champion_version_3", True, False)
    assert board.loc[board["in_force"], "contender"].tolist() == ["champion_version_3"]
    assert row[[f"test_{metric}" for metric in METRICS]].tolist() == [0.5] * len(METRICS)
    assert row[[f"validation_{metric}" for metric in METRICS]].isna().all()
    others = board.iloc[:-1].drop(columns="in_force")
    assert_frame_equal(others, sample_candidate.leaderboard, check_dtype=False)


def test_a_promoted_candidate_is_in_force(sample_candidate: Candidate) -> None:
    board = decided(sample_candidate.leaderboard, True, None, None)
    assert board["in_force"].equals(board["chosen"])


def test_without_a_champion_the_seasonal_rate_makes_the_predictions(
    sample: Training, sample_candidate: Candidate
) -> None:
    board = decided(sample_candidate.leaderboard, False, None, None)
    assert board.loc[board["in_force"], "contender"].tolist() == [SEASONAL_RATE]
    assert rate_in_force(board) == SEASONAL_RATE
    assert rate_in_force(decided(sample_candidate.leaderboard, True, None, None)) is None
    month = sample_candidate.split.test[-1]
    deals = sample.rows.rows([month])
    found = seasonal_rates(sample.rows, deals, month)
    expected = seasonal_rate(sample.rows, [month])["probability"].to_numpy()
    assert found["opportunity_id"].tolist() == deals["opportunity_id"].tolist()
    assert found["probability"].to_numpy() == pytest.approx(expected)
    assert seasonal_rates(sample.rows, deals, "2000-01").empty

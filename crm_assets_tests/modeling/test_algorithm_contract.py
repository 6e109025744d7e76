"""The contract that every algorithm in the table must meet, including new ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.tracking import MlflowClient
from pandas.testing import assert_frame_equal

from crm_assets.crm.feature_table import FEATURES
from crm_assets.modeling import algorithm as contract
from crm_assets.modeling import algorithms, encoding
from crm_assets.modeling.algorithm import SNAPSHOT, Algorithm
from crm_assets.modeling.backtest import walk_forward
from crm_assets.modeling.calibration import CalibratedModel, fit_calibrator
from crm_assets.modeling.champion import Candidate, candidate
from crm_assets.modeling.explanation import PUSHED_DOWN, PUSHED_UP, contributions, explain, explained
from crm_assets.modeling.folds import FoldModels, Split, last_lesson, learn
from crm_assets.modeling.training_rows import HeldRows
from crm_assets.registry import cards, models, tracking
from crm_assets.registry.aliases import CHAMPION
from crm_assets.registry.names import MODEL
from crm_assets_tests.modeling import toy_hazard
from crm_assets_tests.modeling.conftest import SEED, Training
from crm_assets_tests.registry import deals

# The rows of the table, and an extra one that learns from snapshots.
ROWS = (*algorithms.known(), toy_hazard.ALGORITHM)


@pytest.fixture(params=ROWS, ids=lambda row: row.name)
def row(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Algorithm:
    """Return each algorithm in turn, with all of them in the table."""
    monkeypatch.setattr(algorithms, "ALGORITHMS", ROWS)
    return request.param


def snapshot(sample: Training) -> contract.Snapshot:
    return sample.chain.snapshot


def fitted(row: Algorithm, sample: Training, rows: HeldRows | None = None) -> contract.Estimator:
    return learn(row, last_lesson(rows or sample.rows, sample.features, SEED, snapshot(sample)))


def backtest(
    row: Algorithm, sample: Training, months: list[str], models: FoldModels | None = None
) -> pd.DataFrame:
    return walk_forward(row, sample.rows, sample.features, months, SEED, models, snapshot(sample))


def strange(sample: Training) -> pd.DataFrame:
    """Return the sample's rows in another order, with unknown names and some empty columns."""
    rows = sample.table.sample(frac=1, random_state=SEED)
    for place, feature in enumerate(FEATURES):
        if feature.dtype == "category":
            rows.iloc[place : place + 4, rows.columns.get_loc(feature.name)] = "never seen"
        if feature.nullable:
            rows.iloc[place : place + 3, rows.columns.get_loc(feature.name)] = None
    return rows


def test_a_row_says_all_that_the_rest_has_to_know(row: Algorithm) -> None:
    assert row.name.isidentifier()
    assert row.description.endswith(".")
    assert row.learns_from in (contract.TRAINING_ROWS, SNAPSHOT)
    assert [other.complexity for other in ROWS].count(row.complexity) == 1
    # What a search starts from is one of the values that it may try.
    assert row.tuned(row.defaults).parameters == tuple(row.defaults.items())


def test_its_parameters_can_be_logged(row: Algorithm, sample: Training) -> None:
    found = tracking.hyper_parameters(row.built(sample.features, SEED))
    assert not found or SEED in found.values()


def test_a_file_of_the_package_is_a_row_named_like_it() -> None:
    files = {path.stem for path in Path(str(algorithms.__file__)).parent.glob("*.py")} - {"__init__"}
    assert {other.name for other in algorithms.EVERY_ROW} == files
    ranks = [other.complexity for other in algorithms.known()]
    assert ranks == sorted(ranks)


def test_scores_are_probabilities_whatever_comes(row: Algorithm, sample: Training) -> None:
    estimator, rows = fitted(row, sample), strange(sample)
    scores = row.scores(estimator, row.matrix(rows, sample.features))
    assert scores.shape == (len(rows),)
    assert ((scores >= 0) & (scores <= 1)).all()
    assert np.unique(scores).size > 5


def test_many_rows_get_the_scores_and_the_explanations_of_few(
    row: Algorithm, sample: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    estimator, rows = fitted(row, sample), strange(sample)
    matrix = row.matrix(rows, sample.features)
    scores, pushes = row.scores(estimator, matrix), contributions(row, estimator, rows, sample.features)
    why = explain(row, estimator, rows, sample.features)
    monkeypatch.setattr(contract, "ROWS_WORTH_TABLES", 10)
    for name in ("ROWS_PER_BLOCK", "ROWS_AT_A_TIME"):
        monkeypatch.setattr(encoding, name, 97)
    monkeypatch.setattr("crm_assets.modeling.explanation.ROWS_EXPLAINED", 89)
    monkeypatch.setattr("crm_assets.modeling.folds.ROWS_WORTH_THREADS", 10)
    np.testing.assert_allclose(row.scores(estimator, matrix), scores, rtol=0, atol=1e-12)
    again = contributions(row, estimator, rows, sample.features)
    np.testing.assert_allclose(again, pushes, rtol=0, atol=1e-6)
    many = explain(row, estimator, rows, sample.features)
    assert many[PUSHED_UP].map(len).tolist() == why[PUSHED_UP].map(len).tolist()
    assert [[p["value"] for p in up] for up in many[PUSHED_UP]] == [
        [p["value"] for p in up] for up in why[PUSHED_UP]
    ]
    more_threads = fitted(row, sample)
    np.testing.assert_allclose(row.scores(more_threads, matrix), scores, rtol=0, atol=1e-6)


def test_it_learns_from_a_sample_where_there_are_more_rows_than_it_takes(
    row: Algorithm, sample: Training
) -> None:
    few = replace(row, max_training_rows=len(sample.table) // 3)
    assert row.takes_all(sample.rows)
    matrix = row.matrix(sample.table, sample.features)
    scores = row.scores(fitted(few, sample), matrix)
    same = np.array_equal(scores, row.scores(fitted(row, sample), matrix))
    assert same == few.takes_all(sample.rows)
    assert np.isfinite(scores).all()


def test_it_explains_by_raw_features_what_it_scores(row: Algorithm, sample: Training) -> None:
    rows, estimator = sample.table.head(60), fitted(row, sample)
    pushes = contributions(row, estimator, rows, sample.features)
    assert pushes.columns.tolist() == sample.features
    assert np.isfinite(pushes.to_numpy()).all()
    why = explain(row, estimator, rows, sample.features)
    assert (why[PUSHED_UP].map(len) + why[PUSHED_DOWN].map(len) > 0).any()
    for index, up in why[PUSHED_UP].items():
        for push in up:
            assert push["contribution"] == pushes.loc[index, push["feature"]] > 0


def test_deals_that_come_a_few_at_a_time_get_the_scores_and_reasons_of_a_table(
    row: Algorithm, sample: Training
) -> None:
    estimator, rows = fitted(row, sample), strange(sample)
    month = rows["snapshot_month"].max()
    rows = rows[rows["snapshot_month"] == month].head(40)
    deals = rows.astype(object).where(rows.notna(), None).to_dict("records")
    ready = row.prepare(estimator, month, sample.features)
    scores = row.scores(estimator, row.matrix(rows, sample.features))
    pushes = contributions(row, estimator, rows, sample.features).to_numpy()
    # All together, and each alone.
    for part in ([slice(0, 40)], [slice(place, place + 1) for place in range(5)]):
        for some in part:
            given = ready.given(deals[some])
            np.testing.assert_allclose(ready.scores(given), scores[some], rtol=0, atol=1e-12)
            found = ready.contributions(given)
            np.testing.assert_allclose(found, pushes[some], rtol=0, atol=1e-9)
    why = explain(row, estimator, rows, sample.features).to_dict("records")
    told = explained(pushes, deals, sample.features)
    for one, other in zip(told, why, strict=True):
        for direction in (PUSHED_UP, PUSHED_DOWN):
            assert one[direction] == list(other[direction])


def test_a_month_is_scored_without_what_comes_after_it(row: Algorithm, sample: Training) -> None:
    month = sample.split.scored[1]
    asked: list[str] = []

    def watched(of: str) -> pd.DataFrame:
        asked.append(of)
        return sample.chain.snapshot(of)

    known = HeldRows(sample.table[sample.table["snapshot_month"] <= month])
    scores = backtest(row, sample, [month])
    again = walk_forward(row, known, sample.features, [month], SEED, None, watched)
    assert_frame_equal(again, scores)
    assert asked == ([month] if row.learns_from == SNAPSHOT else [])


def test_two_fits_give_the_same_scores(row: Algorithm, sample: Training) -> None:
    month = sample.split.scored[-1:]
    assert_frame_equal(backtest(row, sample, month), backtest(row, sample, month))


@pytest.fixture
def own_registry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registry_database: Path
) -> Iterator[MlflowClient]:
    """Return an embedded registry, like on a laptop."""
    monkeypatch.setenv("CRM_HOME", str(tmp_path / "home"))
    uri = f"sqlite:///{registry_database}"
    before = mlflow.get_tracking_uri()
    tracking.connect(uri, tmp_path / "artifacts")
    client = MlflowClient(uri, uri)
    if client.search_registered_models(f"name = '{MODEL}'"):
        client.delete_registered_model(MODEL)
    yield client
    mlflow.set_tracking_uri(before)


@pytest.fixture(scope="module")
def registry_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the registry's database, created once: this takes seconds."""
    return tmp_path_factory.mktemp("mlflow") / "mlflow.db"


def winning(row: Algorithm, sample: Training) -> Candidate:
    """Return the candidate if this is the only algorithm."""
    kept = FoldModels()
    scores = backtest(row, sample, sample.split.scored, kept)
    return candidate(
        sample.rows, sample.features, {row.name: scores}, sample.split, SEED, kept, snapshot(sample)
    )


def test_it_can_win_and_is_calibrated_registered_loaded_and_scores_the_same(
    row: Algorithm, sample: Training, own_registry: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "TRUSTED_TYPES", sorted({*models.TRUSTED_TYPES, *row.trusted_types}))
    won = winning(row, sample)
    assert won.algorithm == row.name
    assert won.leaderboard["contender"].iloc[0] == row.name
    experiment = own_registry.get_experiment_by_name("monthly_win_probability")
    assert experiment is not None
    with mlflow.start_run(experiment_id=experiment.experiment_id) as run:
        decision = models.register(won, sample.rows, {}, run.info.run_id, deals.card_of(won, sample.rows))
    registered = own_registry.get_model_version(MODEL, decision.version)
    assert cards.card_of(registered) == decision.card
    assert row.name in (registered.description or "")
    # The toy of a hazard model is worse than the seasonal rate; an operator can promote it all the same.
    own_registry.set_registered_model_alias(MODEL, CHAMPION, decision.version)
    loaded = models.load_champion()
    assert (loaded.algorithm, loaded.features) == (row.name, sample.features)
    live = sample.chain.features(sample.chain.months[-1])
    expected = won.model.predict_proba(row.matrix(live, sample.features))[:, 1]
    assert loaded.probabilities(live)["probability"].tolist() == expected.tolist()
    assert_frame_equal(
        contributions(row, loaded.model.pipeline, live, sample.features),
        contributions(row, won.model.pipeline, live, sample.features),
    )
    for month in sample.split.scored:
        past, made = loaded.walk_forward[month], won.explained[month]
        assert past["probability"].tolist() == made["probability"].tolist()
        assert past[PUSHED_UP].tolist() == made[PUSHED_UP].tolist()


def test_calibration_keeps_its_order(row: Algorithm, sample: Training) -> None:
    scores = backtest(row, sample, sample.split.validation)
    model = CalibratedModel(fitted(row, sample), fit_calibrator(scores), row.name)
    matrix = row.matrix(sample.table, sample.features)
    score, probability = row.scores(model.pipeline, matrix), model.predict_proba(matrix)[:, 1]
    order = np.argsort(score, kind="stable")
    assert (np.diff(probability[order]) >= 0).all()
    assert probability.min() >= 0
    assert probability.max() <= 1


def test_the_champion_does_not_fit_again_what_the_backtest_has_fitted(
    row: Algorithm, sample: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits: list[str] = []
    whole = learn
    monkeypatch.setattr(
        "crm_assets.modeling.folds.learn",
        lambda row, lesson, spark: fits.append(lesson.as_of) or whole(row, lesson, spark),
    )
    won = winning(row, sample)
    explained = {month: won.explained[month] for month in won.split.scored}
    assert fits == [*sample.split.scored, sample.rows.horizon]
    assert all(len(frame) for frame in explained.values())


def test_without_the_backtests_models_the_champion_explains_the_same(
    row: Algorithm, sample: Training
) -> None:
    month = sample.split.scored[0]
    split = Split(sample.split.first_months, sample.split.scored[:1], sample.split.scored[1:2])
    scores = {row.name: backtest(row, sample, split.scored)}
    rows = sample.rows
    alone = candidate(rows, sample.features, scores, split, SEED, None, snapshot(sample))
    kept = FoldModels()
    backtest(row, sample, split.scored, kept)
    fed = candidate(rows, sample.features, scores, split, SEED, kept, snapshot(sample))
    assert alone.explained[month].to_dict("records") == fed.explained[month].to_dict("records")

"""The contract that every algorithm in the table must meet, including new ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
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
from crm_assets.modeling.champion import Candidate
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


@pytest.fixture(scope="module", params=ROWS, ids=lambda row: row.name)
def row(request: pytest.FixtureRequest) -> Iterator[Algorithm]:
    """Return each algorithm in turn, with all of them in the table."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(algorithms, "ALGORITHMS", ROWS)
        yield request.param


@dataclass(frozen=True)
class Won:
    """What there is if an algorithm is the only one.

    Attributes:
        scores: its walk-forward scores.
        candidate: the candidate.
        models: the models of the past months.
        explained: the explanations of the scored months.
        fits: the months at whose ends it was fitted to make all this.
    """

    scores: pd.DataFrame
    candidate: Candidate
    models: FoldModels
    explained: dict[str, pd.DataFrame]
    fits: list[str]

    @property
    def estimator(self) -> contract.Estimator:
        """The estimator, fitted on all labeled months."""
        return self.candidate.model.pipeline

    def of(self, *months: str) -> pd.DataFrame:
        """Return the scores of some months."""
        return self.scores[self.scores["snapshot_month"].isin(months)].reset_index(drop=True)


@pytest.fixture(scope="module")
def won(row: Algorithm, sample: Training) -> Won:
    fits: list[str] = []
    whole, models = learn, FoldModels()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "crm_assets.modeling.folds.learn",
            lambda row, lesson, spark: fits.append(lesson.as_of) or whole(row, lesson, spark),
        )
        scores = sample.backtest(row.name, sample.split.scored, models=models)
        made = sample.candidate({row.name: scores}, models=models)
        return Won(scores, made, models, dict(made.explained), fits)


def fitted(row: Algorithm, sample: Training) -> contract.Estimator:
    return learn(row, last_lesson(sample.rows, sample.features, SEED, sample.chain.snapshot))


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


def test_scores_are_probabilities_whatever_comes(row: Algorithm, sample: Training, won: Won) -> None:
    rows = strange(sample)
    scores = row.scores(won.estimator, row.matrix(rows, sample.features))
    assert scores.shape == (len(rows),)
    assert ((scores >= 0) & (scores <= 1)).all()
    assert np.unique(scores).size > 5


def test_many_rows_get_the_scores_and_the_explanations_of_few(
    row: Algorithm, sample: Training, won: Won, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two blocks of rows, the last one smaller.
    estimator, rows = won.estimator, strange(sample).head(150)
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
    row: Algorithm, sample: Training, won: Won
) -> None:
    few = replace(row, max_training_rows=len(sample.table) // 3)
    assert row.takes_all(sample.rows)
    matrix = row.matrix(sample.table, sample.features)
    scores = row.scores(fitted(few, sample), matrix)
    same = np.array_equal(scores, row.scores(won.estimator, matrix))
    assert same == few.takes_all(sample.rows)
    assert np.isfinite(scores).all()


def test_it_explains_by_raw_features_what_it_scores(row: Algorithm, sample: Training, won: Won) -> None:
    rows, estimator = sample.table.head(60), won.estimator
    pushes = contributions(row, estimator, rows, sample.features)
    assert pushes.columns.tolist() == sample.features
    assert np.isfinite(pushes.to_numpy()).all()
    why = explain(row, estimator, rows, sample.features)
    assert (why[PUSHED_UP].map(len) + why[PUSHED_DOWN].map(len) > 0).any()
    for index, up in why[PUSHED_UP].items():
        for push in up:
            assert push["contribution"] == pushes.loc[index, push["feature"]] > 0


def test_deals_that_come_a_few_at_a_time_get_the_scores_and_reasons_of_a_table(
    row: Algorithm, sample: Training, won: Won
) -> None:
    estimator, rows = won.estimator, strange(sample)
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


def test_a_month_is_scored_without_what_comes_after_it(row: Algorithm, sample: Training, won: Won) -> None:
    month = sample.split.scored[1]
    asked: list[str] = []

    def watched(of: str) -> pd.DataFrame:
        asked.append(of)
        return sample.chain.snapshot(of)

    known = HeldRows(sample.table[sample.table["snapshot_month"] <= month])
    again = walk_forward(row, known, sample.features, [month], SEED, None, watched)
    assert_frame_equal(again, won.of(month), check_exact=True)
    assert asked == ([month] if row.learns_from == SNAPSHOT else [])


def test_two_fits_give_the_same_scores(row: Algorithm, sample: Training, won: Won) -> None:
    month = sample.split.scored[-1]
    assert_frame_equal(sample.backtest(row.name, [month]), won.of(month), check_exact=True)


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


def test_it_can_win_and_is_calibrated_registered_loaded_and_scores_the_same(
    row: Algorithm, sample: Training, won: Won, own_registry: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "TRUSTED_TYPES", sorted({*models.TRUSTED_TYPES, *row.trusted_types}))
    made = won.candidate
    assert made.algorithm == row.name
    assert made.leaderboard["contender"].iloc[0] == row.name
    experiment = own_registry.get_experiment_by_name("monthly_win_probability")
    assert experiment is not None
    with mlflow.start_run(experiment_id=experiment.experiment_id) as run:
        decision = models.register(made, sample.rows, {}, run.info.run_id, deals.card_of(made, sample.rows))
    registered = own_registry.get_model_version(MODEL, decision.version)
    assert cards.card_of(registered) == decision.card
    assert row.name in (registered.description or "")
    # The toy of a hazard model is worse than the seasonal rate; an operator can promote it all the same.
    own_registry.set_registered_model_alias(MODEL, CHAMPION, decision.version)
    loaded = models.load_champion()
    assert (loaded.algorithm, loaded.features) == (row.name, sample.features)
    live = sample.chain.features(sample.chain.months[-1])
    expected = made.model.predict_proba(row.matrix(live, sample.features))[:, 1]
    assert loaded.probabilities(live)["probability"].tolist() == expected.tolist()
    assert_frame_equal(
        contributions(row, loaded.model.pipeline, live, sample.features),
        contributions(row, made.model.pipeline, live, sample.features),
    )
    for month in sample.split.scored:
        past, explained = loaded.walk_forward[month], won.explained[month]
        assert past["probability"].tolist() == explained["probability"].tolist()
        assert past[PUSHED_UP].tolist() == explained[PUSHED_UP].tolist()


def test_calibration_keeps_its_order(row: Algorithm, sample: Training, won: Won) -> None:
    scores = won.of(*sample.split.validation)
    model = CalibratedModel(won.estimator, fit_calibrator(scores), row.name)
    matrix = row.matrix(sample.table, sample.features)
    score, probability = row.scores(model.pipeline, matrix), model.predict_proba(matrix)[:, 1]
    order = np.argsort(score, kind="stable")
    assert (np.diff(probability[order]) >= 0).all()
    assert probability.min() >= 0
    assert probability.max() <= 1


def test_the_champion_does_not_fit_again_what_the_backtest_has_fitted(sample: Training, won: Won) -> None:
    assert won.fits == [*sample.split.scored, sample.rows.horizon]
    assert all(len(frame) for frame in won.explained.values())


def test_without_the_backtests_models_the_champion_explains_the_same(
    row: Algorithm, sample: Training, won: Won
) -> None:
    month = sample.split.scored[0]
    split = Split(sample.split.first_months, sample.split.scored[:1], sample.split.scored[1:2])
    scores = {row.name: won.of(*split.scored)}
    alone, fed = (sample.candidate(scores, split, models) for models in (None, won.models))
    assert alone.explained[month].to_dict("records") == fed.explained[month].to_dict("records")

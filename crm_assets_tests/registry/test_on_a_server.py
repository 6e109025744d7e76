"""On a real server: promotions, rollbacks, aliases that others move, and the source that owns a registry."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import mlflow
import pytest
from mlflow.tracking import MlflowClient

from crm_assets.errors import HomeError, RegistryError
from crm_assets.modeling.matrix import feature_matrix
from crm_assets.registry import aliases, models, ownership, tracking
from crm_assets.registry.aliases import CHALLENGER, CHAMPION, MODEL
from crm_assets.settings import Settings
from crm_assets_tests.registry import deals

OURS, OTHER = "sample:900-seed-1", "csv:dump"


@pytest.fixture
def versions(on_a_server: MlflowClient) -> MlflowClient:
    """Register three versions, none of them champion."""
    experiment = on_a_server.get_experiment_by_name("monthly_win_probability")
    assert experiment is not None
    run = on_a_server.create_run(experiment.experiment_id)
    for _ in range(3):
        on_a_server.create_model_version(MODEL, f"{run.info.artifact_uri}/model", run.info.run_id)
    on_a_server.set_terminated(run.info.run_id)
    return on_a_server


def held(alias: str) -> str | None:
    version = aliases.holder(alias)
    return None if version is None else str(version.version)


def rollback() -> str:
    version, history = aliases.former_champion()
    return aliases.go_back(version, history).version


def test_rollbacks_walk_back_the_champions_and_never_forth(versions: MlflowClient) -> None:
    for version in ("1", "2", "1", "3"):
        aliases.make_champion(version)
    assert [rollback(), rollback(), rollback()] == ["1", "2", "1"]
    with pytest.raises(RegistryError, match="There is no champion before version 1 to go back to"):
        rollback()
    assert held(CHAMPION) == "1"


def test_a_promotion_after_a_rollback_is_rolled_back_to_where_it_began(versions: MlflowClient) -> None:
    for version in ("1", "2"):
        aliases.make_champion(version)
    rollback()
    aliases.make_champion("3")
    assert rollback() == "1"


def test_the_challenger_is_the_version_that_lost_the_last_decision(versions: MlflowClient) -> None:
    aliases.make_champion("1")
    assert held(CHALLENGER) is None
    aliases.make_champion("2")
    assert (held(CHAMPION), held(CHALLENGER)) == ("2", "1")
    assert versions.get_model_version(MODEL, "2").tags["former_champion"] == "1"
    aliases.make_challenger("3")
    rollback()
    assert (held(CHAMPION), held(CHALLENGER)) == ("1", "2")


def test_an_alias_moved_by_other_hands_is_part_of_the_history(versions: MlflowClient) -> None:
    aliases.make_champion("1")
    versions.set_registered_model_alias(MODEL, CHAMPION, "2")
    assert aliases.make_champion("3").former == "2"
    assert [rollback(), rollback()] == ["2", "1"]


def test_a_deleted_alias_is_no_champion_and_a_rollback_says_what_to_do(versions: MlflowClient) -> None:
    aliases.make_champion("2")
    versions.delete_registered_model_alias(MODEL, CHAMPION)
    assert held(CHAMPION) is None
    with pytest.raises(RegistryError, match=r"is champion.*last one was version 2.*make promote"):
        rollback()
    assert aliases.make_champion("3").former is None
    assert rollback() == "2"


def test_deleted_versions_are_passed_over(versions: MlflowClient) -> None:
    for version in ("1", "2", "3"):
        aliases.make_champion(version)
    versions.delete_model_version(MODEL, "2")
    assert rollback() == "1"
    versions.delete_model_version(MODEL, "1")
    assert held(CHAMPION) is None


def test_two_promotions_at_once_leave_one_champion_and_both_in_the_history(versions: MlflowClient) -> None:
    aliases.make_champion("1")
    both = [threading.Thread(target=aliases.make_champion, args=(version,)) for version in ("2", "3")]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    last = held(CHAMPION)
    assert last in ("2", "3")
    assert held(CHALLENGER) == {"2": "3", "3": "2"}[last]
    assert [rollback(), rollback()] == [{"2": "3", "3": "2"}[last], "1"]


@pytest.fixture
def owned(on_a_server: MlflowClient) -> Iterator[MlflowClient]:
    """Give the registry to a source; remove the owner after the test."""
    ownership.connect(Settings(), OURS)
    yield on_a_server
    experiment = on_a_server.get_experiment_by_name(tracking.EXPERIMENT)
    assert experiment is not None
    # Other tests of the session use the same server, without an owner.
    on_a_server.delete_experiment_tag(experiment.experiment_id, ownership.SOURCE)


def test_a_registry_without_a_record_becomes_the_sources(owned: MlflowClient) -> None:
    experiment = owned.get_experiment_by_name(tracking.EXPERIMENT)
    assert experiment is not None
    assert experiment.tags[ownership.SOURCE] == OURS
    assert ownership.connect(Settings(), OURS) == experiment.experiment_id


def test_another_source_is_refused_with_the_ways_out(owned: MlflowClient) -> None:
    for use in (ownership.connect, ownership.check):
        with pytest.raises(
            HomeError,
            match=rf"holds the models of {OURS}, but the source in force is {OTHER}\. Nothing was written.*"
            "CRM_MLFLOW_TRACKING_URI of its own.*CRM_ON_OTHER_SOURCE=put_aside",
        ):
            use(Settings(), OTHER)


def test_models_that_are_put_aside_keep_their_versions_under_another_name(
    owned: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = owned.get_experiment_by_name(tracking.EXPERIMENT)
    assert before is not None
    run = owned.create_run(before.experiment_id)
    owned.create_model_version(MODEL, "s3://bucket/model", run_id=run.info.run_id)
    owned.set_registered_model_alias(MODEL, "champion", "1")
    monkeypatch.setenv("CRM_ON_OTHER_SOURCE", "put_aside")
    experiment = ownership.connect(Settings(), OTHER)
    assert experiment != before.experiment_id
    assert owned.search_registered_models(f"name = '{MODEL}'") == []
    [kept] = [m for m in owned.search_registered_models() if m.name.startswith(f"{MODEL}-")]
    assert kept.name.endswith("-sample-900-seed-1")
    assert owned.get_model_version_by_alias(kept.name, "champion").run_id == run.info.run_id
    assert owned.get_run(run.info.run_id).info.experiment_id == before.experiment_id


@pytest.mark.usefixtures("on_a_server")
def test_a_model_that_is_registered_comes_back_from_the_server() -> None:
    rows = deals.training_rows()
    made = deals.candidate(rows, "logistic_regression")
    with mlflow.start_run() as run:
        decision = models.register(made, rows, {}, run.info.run_id, deals.card_of(made, rows))
    loaded = models.load_champion()
    assert loaded.version == decision.version
    matrix = feature_matrix(rows.table, made.features)
    scored = [one.model.predict_proba(matrix)[:, 1].tolist() for one in (made, loaded)]
    assert scored[0] == scored[1]

"""The champion and its history on a real server: promotions, rollbacks, and aliases that others move."""

from __future__ import annotations

import threading

import pytest
from mlflow.tracking import MlflowClient

from crm_assets.errors import RegistryError
from crm_assets.registry import aliases
from crm_assets.registry.aliases import CHALLENGER, CHAMPION, MODEL


@pytest.fixture
def versions(registry: MlflowClient) -> MlflowClient:
    """Register three versions, none of them champion."""
    experiment = registry.get_experiment_by_name("monthly_win_probability")
    assert experiment is not None
    run = registry.create_run(experiment.experiment_id)
    for _ in range(3):
        registry.create_model_version(MODEL, f"{run.info.artifact_uri}/model", run.info.run_id)
    registry.set_terminated(run.info.run_id)
    return registry


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

"""A registry belongs to one source, also on a server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from mlflow.tracking import MlflowClient

from crm_assets.errors import HomeError
from crm_assets.registry import ownership, tracking
from crm_assets.registry.aliases import MODEL
from crm_assets.settings import Settings

OURS, OTHER = "sample:900-seed-1", "csv:dump"


@pytest.fixture
def owned(registry: MlflowClient) -> Iterator[MlflowClient]:
    """Give the registry to a source; remove the owner after the test."""
    ownership.connect(Settings(), OURS)
    yield registry
    experiment = registry.get_experiment_by_name(tracking.EXPERIMENT)
    assert experiment is not None
    # Other tests of the session use the same server, without an owner.
    registry.delete_experiment_tag(experiment.experiment_id, ownership.SOURCE)


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

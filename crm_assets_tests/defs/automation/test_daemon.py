"""The automation with a real daemon on a real history."""

from __future__ import annotations

import shutil
from pathlib import Path

from mlflow.tracking import MlflowClient

from crm_assets_tests.defs.automation.conftest import NEWEST
from dev import daemon
from dev.place import Place


def test_predictions_follow_the_alias_through_a_restart_one_run_for_each_change(
    finished: Place, tmp_path: Path
) -> None:
    shutil.copytree(finished.folder, tmp_path / "there")
    automation = {"CRM_AUTOMATION": "on", "CRM_MONITORING": "off", "CRM_POLL_SECONDS": "1"}
    there = Place(tmp_path / "there", finished.settings | automation)
    registry = f"sqlite:///{there.folder / 'home' / 'mlflow.db'}"
    # A second version of the same model; the alias moves to it, and back to the first.
    client = MlflowClient(registry, registry)
    first = client.get_model_version(daemon.MODEL, "1")
    client.create_model_version(
        first.name, first.source, run_id=first.run_id, tags=first.tags, model_id=first.model_id
    )
    before = there.contents()
    for version in ("2", "1"):
        with daemon.daemon(there):
            daemon.set_champion(registry, version)
            daemon.wait_for(there, f"version {version}", lambda v=version: daemon.refreshed(there, NEWEST, v))
    runs = [record.dagster_run for record in daemon.refreshes(there)]
    assert [run.is_success for run in runs] == [True, True]
    # The former champion predicts the same bytes as before.
    assert {name: content for name, content in there.contents().items() if NEWEST in name} == {
        name: content for name, content in before.items() if NEWEST in name
    }

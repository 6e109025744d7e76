"""The automation with a real daemon on a real history."""

from __future__ import annotations

import shutil
from pathlib import Path

from crm_assets_tests.defs.automation.conftest import NEWEST
from dev import daemon
from dev.place import Place

# Register a second version of the same model, and move the alias to it or back to the first.
ANOTHER_VERSION = """
import mlflow
from crm_assets.settings import get_settings
mlflow.set_tracking_uri(get_settings().tracking_uri)
first = mlflow.MlflowClient().get_model_version('monthly_win_probability_model', '1')
mlflow.MlflowClient().create_model_version(
    first.name, first.source, run_id=first.run_id, tags=first.tags, model_id=first.model_id)
"""


def test_predictions_follow_the_alias_through_a_restart_one_run_for_each_change(
    finished: Place, tmp_path: Path
) -> None:
    shutil.copytree(finished.folder, tmp_path / "there")
    automation = {"CRM_AUTOMATION": "on", "CRM_MONITORING": "off", "CRM_POLL_SECONDS": "1"}
    there = Place(tmp_path / "there", finished.settings | automation)
    done = there.python("-c", ANOTHER_VERSION)
    assert done.returncode == 0, done.stderr
    registry = f"sqlite:///{there.folder / 'home' / 'mlflow.db'}"
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

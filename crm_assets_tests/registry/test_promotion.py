"""Candidates of real runs on a real server: worse, better, promoted by hand, and rolled back."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from crm_assets.modeling.algorithms import ALGORITHMS
from crm_assets_tests.registry.conftest import emptied
from dev.place import MODULE, ROOT, Place

MODEL = "monthly_win_probability_model"
MONTH = "2023-12"
RANGE = json.dumps(
    {
        "dagster/asset_partition_range_start": MONTH,
        "dagster/asset_partition_range_end": MONTH,
    }
)
DAGSTER = "http://dagster.example:3000"


class Story:
    """One installation that uses a given server to train and predict."""

    def __init__(self, there: Place, client: MlflowClient) -> None:
        self.there, self.client = there, client
        backtests = [f"{row.name}.parquet" for row in ALGORITHMS]
        self.learned = {name: pq.read_table(there.tables / name) for name in backtests}

    def train(self, *, without_every: int | None = None) -> None:
        """Choose, calibrate and register a candidate.

        Args:
            without_every: every which row of the backtests has no chance at all, as if all algorithms had
                missed it: the smaller, the worse; all rows are as they were learned if it is None.
        """
        for name, learned in self.learned.items():
            place = learned.schema.get_field_index("probability")
            missed = [bool(without_every) and row % without_every == 0 for row in range(len(learned))]
            worse = pc.if_else(pa.array(missed), 0.0, learned["probability"])
            pq.write_table(learned.set_column(place, "probability", worse), self.there.tables / name)
        self._materialize("champion")

    def predict(self) -> bytes:
        self._materialize("win_predictions")
        return (self.there.tables / "win_predictions" / f"{MONTH}.parquet").read_bytes()

    def registry(self, *command: str) -> subprocess.CompletedProcess[str]:
        return self.there.python("-m", "crm_assets.console.registry", *command)

    def holder(self, alias: str) -> str | None:
        return self.client.get_registered_model(MODEL).aliases.get(alias)

    def _materialize(self, asset: str) -> None:
        partition = ("--partition", MONTH) if asset == "win_predictions" else ()
        done = self.there.dagster("asset", "materialize", *MODULE, "--select", asset, *partition)
        assert done.returncode == 0, done.stderr[-3000:]


@pytest.fixture(scope="module")
def story(
    sample_run: tuple[Place, str], tracking_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Story:
    """Make an installation whose champion, version 1, is worse than it could be."""
    folder = tmp_path_factory.mktemp("story") / "place"
    there = sample_run[0].copy(folder, CRM_MLFLOW_TRACKING_URI=tracking_server, CRM_DAGSTER_URL=DAGSTER)
    story = Story(there, emptied(tracking_server))
    story.train(without_every=3)
    return story


def test_better_is_promoted_worse_is_not_and_rollback_restores_the_old_predictions(story: Story) -> None:
    old = story.predict()
    story.train()
    assert (story.holder("champion"), story.holder("challenger")) == ("2", "1")
    new = story.predict()
    assert new != old

    story.train(without_every=2)
    assert (story.holder("champion"), story.holder("challenger")) == ("2", "3")
    worse = story.client.get_model_version(MODEL, "3").tags
    assert worse["decision"] == "not promoted"
    assert float(worse["test_roc_auc"]) < float(worse["champion_test_roc_auc"])

    back = story.registry("rollback")
    assert back.returncode == 0, back.stderr
    assert "Version 1 is champion now; it was version 2." in back.stdout
    assert (story.holder("champion"), story.holder("challenger")) == ("1", "2")
    assert story.predict() == old

    again = story.registry("promote", "2")
    assert again.returncode == 0, again.stderr
    assert story.predict() == new


def test_metadata_and_runs_link_to_each_other(story: Story, tracking_server: str) -> None:
    shown = story.there.metadata("champion")
    version = shown["version"].value
    page, _, _ = str(shown["model version"].value).partition("?")
    assert page == f"{tracking_server}/#/models/{MODEL}/versions/{version}"
    run_id = str(shown["mlflow run"].value).partition("?")[0].rpartition("/")[2]
    run = story.client.get_run(run_id)
    assert run.data.tags["dagster.run"] == f"{DAGSTER}/runs/{run.data.tags['dagster.run_id']}"
    parent = story.client.get_run(run.data.tags["mlflow.parentRunId"])
    assert (run.info.status, parent.info.status) == ("FINISHED", "FINISHED")
    assert parent.data.metrics["test_roc_auc"] == run.data.metrics["test_roc_auc"]
    assert {"algorithm", "features", "seed"} <= set(run.data.params)
    assert run.inputs is not None
    assert run.inputs.dataset_inputs[0].dataset.digest == run.data.tags["data_version"]


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("", "No version was given: use one of 1"),
        ("two", "'two' is not a version number: use one of 1"),
        ("99", "There is no version 99 of"),
    ],
)
def test_a_version_that_cannot_be_promoted_is_told_in_a_sentence(
    story: Story, version: str, said: str
) -> None:
    before = story.holder("champion")
    done = story.registry("promote", version)
    assert done.returncode == 1
    assert done.stderr.startswith(said)
    assert "Traceback" not in done.stderr
    assert story.holder("champion") == before


def test_steps_in_processes_of_their_own_share_one_parent_run_that_fails_with_them(
    story: Story, tmp_path: Path
) -> None:
    there = story.there.copy(tmp_path / "copy")
    # The failing step does not use MLflow.
    for file in (there.tables / "win_predictions").iterdir():
        file.write_bytes(b"no table")
    known = {run.info.run_id for run in runs(story.client)}
    module = ("-m", "crm_assets_tests.registry.separate_processes", "-d", str(ROOT))
    done = there.dagster("job", "execute", *module, "--job", "two_models_and_a_forecast", "--tags", RANGE)
    assert done.returncode != 0
    new = [run for run in runs(story.client) if run.info.run_id not in known]
    parents = [run for run in new if "mlflow.parentRunId" not in run.data.tags]
    nested = [run for run in new if "mlflow.parentRunId" in run.data.tags]
    assert len(parents) == 1
    assert {run.data.tags["mlflow.parentRunId"] for run in nested} == {parents[0].info.run_id}
    assert sorted(str(run.info.run_name) for run in nested) == ["random_forest", "xgboost"]
    assert {run.info.status for run in nested} == {"FINISHED"}
    assert parents[0].info.status == "FAILED"


def runs(client: MlflowClient) -> list[Run]:
    experiment = client.get_experiment_by_name("monthly_win_probability")
    assert experiment is not None
    return list(client.search_runs([experiment.experiment_id]))

"""The MLflow parent run of each Dagster run: how it ended, and runs that a killed process left open."""

from __future__ import annotations

import dagster as dg
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from crm_assets.registry.tracking import EXPERIMENT

# dagster-mlflow tags parent runs with the first; we tag nested runs with the second.
TAGS = ("dagster_run_id", "dagster.run_id")
FINISHED, FAILED, KILLED = "FINISHED", "FAILED", "KILLED"
FATES = {
    dg.DagsterRunStatus.SUCCESS: FINISHED,
    dg.DagsterRunStatus.FAILURE: FAILED,
    dg.DagsterRunStatus.CANCELED: KILLED,
}
CANCELED = (dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED)


def fate(instance: dg.DagsterInstance | None, run_id: str, error: BaseException | None) -> str:
    """Return the final status of a parent run whose process has done its part.

    Args:
        instance: where Dagster keeps its runs.
        run_id: the id of the Dagster run.
        error: the error that ended the process early, or None.
    """
    run = instance.get_run_by_id(run_id) if instance else None
    if instance is None or run is None:
        return FAILED if error else FINISHED
    if run.status in CANCELED or isinstance(error, KeyboardInterrupt | dg.DagsterExecutionInterruptedError):
        return KILLED
    return FAILED if error or instance.get_run_stats(run_id).steps_failed else FINISHED


def fail(run_id: str) -> None:
    """Mark the parent run of a Dagster run as failed, if there is one."""
    for run in _search(f"tags.{TAGS[0]} = '{run_id}'"):
        MlflowClient().set_terminated(run.info.run_id, FAILED)


def end_left_over(instance: dg.DagsterInstance | None) -> None:
    """End the runs that killed processes left open although their Dagster run is over."""
    if instance is None:
        return
    client = MlflowClient()
    for run in _search("attributes.status = 'RUNNING'"):
        owner = next((run.data.tags[tag] for tag in TAGS if tag in run.data.tags), None)
        known = instance.get_run_by_id(owner) if owner else None
        if known is not None and known.status in FATES:
            client.set_terminated(run.info.run_id, FATES[known.status])


def _search(condition: str) -> list[Run]:
    client = MlflowClient()
    experiment = client.get_experiment_by_name(EXPERIMENT)
    return list(client.search_runs([experiment.experiment_id], condition)) if experiment else []

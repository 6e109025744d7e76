"""Which code location a run of this process belongs to, so that Dagster's UI shows it with its job."""

from __future__ import annotations

import os
from pathlib import Path

import dagster as dg
from dagster._core.definitions.reconstruct import ReconstructableJob
from dagster._core.execution.api import execute_run
from dagster._core.execution.execution_result import ExecutionResult
from dagster._core.remote_origin import CodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.storage.tags import REPOSITORY_LABEL_TAG
from dagster._core.workspace.load_target import ModuleTarget, WorkspaceFileTarget

MODULE = "crm_assets.definitions"
# The name of the only repository of a code location that has a `Definitions` object.
REPOSITORY = "__repository__"


def execute(
    job: ReconstructableJob,
    instance: dg.DagsterInstance,
    config: dict[str, object],
    tags: dict[str, str],
    assets: frozenset[dg.AssetKey] | None,
) -> ExecutionResult:
    """Run a job in this process, as `dagster.execute_job` does, but as a run of its code location.

    `execute_job` names no code location, and the UI then leaves the run out of the timeline and of the
    history of its job. The daemon tries none of these runs again: the person who started one sees its end.

    Args:
        job: the job.
        instance: where Dagster keeps its history.
        config: the run's configuration.
        tags: tags of the run, beside those of the job.
        assets: the assets to materialize; None for all of the job.
    """
    definition = job.get_definition()
    repository = RemoteRepositoryOrigin(code_location(), REPOSITORY)
    own = {REPOSITORY_LABEL_TAG: repository.get_label(), "dagster/max_retries": "0"}
    run = instance.create_run_for_job(
        definition,
        run_config=config,
        tags={**definition.run_tags, **own, **tags},
        asset_selection=assets,
        remote_job_origin=RemoteJobOrigin(repository, definition.name),
        job_code_origin=job.get_python_origin(),
    )
    return execute_run(job, run, instance)


def code_location() -> CodeLocationOrigin:
    """Return the code location of the workspace in force: that of `DAGSTER_HOME`, or our module."""
    workspace = Path(os.environ.get("DAGSTER_HOME", "")) / "workspace.yaml"
    if workspace.is_file():
        [first, *_] = WorkspaceFileTarget([str(workspace)]).create_origins()
        return first
    return ModuleTarget(MODULE, None, str(Path.cwd()), None).create_origins()[0]

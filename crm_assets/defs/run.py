"""Run a job in this process, as `make run` does."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import dagster as dg

from crm_assets.defs import history, progress
from crm_assets.defs.partitions import RANGE_TAGS


def run_months(
    job: Callable[[], dg.JobDefinition], first: str, last: str, assets: Sequence[dg.AssetKey] | None = None
) -> list[str]:
    """Run a job over a range of months.

    Args:
        job: a function at the top level of a module; Dagster uses it to find the job again.
        first: first month, `YYYY-MM`.
        last: last month.
        assets: the only assets of the job to run; None for all.

    Returns:
        The failures, in sentences; empty if the run succeeded.

    Raises:
        KeyboardInterrupt: somebody interrupted the run; Dagster's history says that it was canceled.
    """
    tags = dict(zip(RANGE_TAGS, (first, last), strict=True))
    config = {"loggers": {progress.LOGGER: {}}}
    with (
        history.kept_open(),
        dg.DagsterInstance.get() as instance,
        dg.execute_job(dg.reconstructable(job), instance, config, tags, asset_selection=assets) as result,
    ):
        if not result.success and progress.interrupted(result.all_events):
            instance.report_run_canceled(result.dagster_run, "Interrupted with Ctrl-C.")
            raise KeyboardInterrupt
        return [] if result.success else progress.failures(iter(result.all_events))

"""Run a job in this process, as `make run` does."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import dagster as dg

from crm_assets.defs import history, progress
from crm_assets.defs.origin import execute
from crm_assets.defs.partitions import RANGE_TAGS

NO_REASON = "The run failed without saying why; `make dev` shows its events."


def run_months(
    job: Callable[[], dg.JobDefinition],
    first: str | None,
    last: str | None,
    assets: Sequence[dg.AssetKey] | None = None,
    told: Callable[[list[dg.DagsterEvent]], None] | None = None,
) -> list[str]:
    """Run a job, over a range of months if there is one.

    Args:
        job: a function at the top level of a module; Dagster uses it to find the job again.
        first: first month, `YYYY-MM`; None for assets without months.
        last: last month.
        assets: the assets to materialize; None for all of the job.
        told: receives the events of the run when it has ended.

    Returns:
        The failures, in sentences; empty if the run succeeded.

    Raises:
        KeyboardInterrupt: somebody interrupted the run; Dagster's history says that it was canceled.
    """
    months = {} if first is None or last is None else dict(zip(RANGE_TAGS, (first, last), strict=True))
    config: dict[str, object] = {"loggers": {progress.LOGGER: {}}}
    chosen = frozenset(assets) if assets else None
    with (
        progress.spinning(),
        history.kept_open(),
        dg.DagsterInstance.get() as instance,
    ):
        result = execute(dg.reconstructable(job), instance, config, months, chosen)
        if not result.success and progress.interrupted(result.all_events):
            instance.report_run_canceled(result.dagster_run, "Interrupted with Ctrl-C.")
            raise KeyboardInterrupt
        if told is not None:
            told(list(result.all_events))
        # Steps that miss the same thing say the same.
        failures = list(dict.fromkeys(progress.failures(result.all_events)))
        return [] if result.success else failures or [NO_REASON]

"""The whole graph for all months in one command, with progress and a summary."""

from __future__ import annotations

import os
import time
from pathlib import Path

import dagster as dg
import pyarrow as pa

from crm_assets import shortage
from crm_assets.console import progress, summary
from crm_assets.errors import CrmAssetsError, SettingsError
from crm_assets.settings import get_settings
from crm_assets.storage.choice import open_store


def main() -> int:
    """Materialise everything and print the summary; 0 where all went well."""
    try:
        return _run()
    except Exception as error:
        # What goes wrong beside the steps, as when Dagster cannot write its history.
        text = shortage.told(error) or _own_sentence(error)
        if text is None:
            raise
        progress.tell_failure(text)
        return 1


def _own_sentence(error: Exception) -> str | None:
    """The sentence of an error of ours, also where Dagster wraps it; None where there is none."""
    own = [cause for cause in shortage.causes(error) if isinstance(cause, CrmAssetsError)]
    return str(own[-1]) if own else None


def everything() -> dg.JobDefinition:
    """The job of the whole graph, found again by Dagster through this name."""
    from crm_assets.automation.jobs import EVERYTHING
    from crm_assets.definitions import defs

    return defs.resolve_job_def(EVERYTHING)


def _run() -> int:
    # After the settings, so that what is wrong with them is told before anything is loaded.
    get_settings()
    _check_dagster_home()
    from crm_assets import partitions

    source, months = partitions.source(), partitions.months()
    progress.console.print(f"{source.description}: {months.first} to {months.last}", soft_wrap=True)
    start = time.perf_counter()
    store = open_store(get_settings())
    store.files.check()
    if not source.quarantines:
        _check_input(partitions.read_ahead(), months.first)
    failed = _execute(months.first, months.last)
    if failed:
        for reason in failed:
            progress.tell_failure(reason)
        return 1
    summary.show(summary.read_results(store, months, source.description, source.synthetic), progress.console)
    progress.console.print(
        f"Done in {time.perf_counter() - start:.0f} s. "
        "`make dev` opens the Dagster UI, `make mlflow` the models."
    )
    return 0


def _check_dagster_home() -> None:
    """Tell, before a traceback of Dagster's does, that it has no folder for its history."""
    given = os.environ.get("DAGSTER_HOME", "")
    home = Path(given)
    if home.is_absolute() and home.is_dir():
        return
    raise SettingsError(
        f"DAGSTER_HOME {f'is {given}, not the whole path of a folder' if given else 'is not set'}; "
        "use make run, or set it to the folder where Dagster keeps its history."
    )


def _check_input(raw_tables: list[pa.Table], first_month: str) -> None:
    """Clean the input before the run, so that bad input touches nothing that is stored.

    Raises:
        BadInputError: with the first thing that is wrong.
    """
    import ibis

    from crm_assets.crm import cleaning

    cleaning.opportunities(*map(ibis.memtable, raw_tables), first_month)


def _execute(first: str, last: str) -> list[str]:
    """Run the job over a range of months; what failed, in sentences."""
    from crm_assets.partitions import RANGE_TAGS

    tags = dict(zip(RANGE_TAGS, (first, last), strict=True))
    config = {"loggers": {progress.LOGGER: {}}}
    with (
        dg.DagsterInstance.get() as instance,
        dg.execute_job(dg.reconstructable(everything), instance, config, tags) as result,
    ):
        return [] if result.success else progress.failures(iter(result.all_events))

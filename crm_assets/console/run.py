"""Run the whole graph for all months in one command, with progress and a summary."""

from __future__ import annotations

import os
import time
from pathlib import Path

from crm_assets.console import check_data, summary
from crm_assets.console.pull import tell
from crm_assets.defs import progress
from crm_assets.errors import SettingsError
from crm_assets.settings import get_settings
from crm_assets.sources.pull.pull import pull
from crm_assets.sources.select import select_source
from crm_assets.storage.choice import open_store


def main() -> int:
    """Materialize everything and print the summary; return 0 if the run succeeded, else 1.

    Raises:
        CrmAssetsError: something was wrong before the run started.
    """
    # Read the settings first, so that their errors appear before anything loads.
    settings = get_settings()
    _check_dagster_home()
    # Note the months before the definitions load, since those open no data and only read the note.
    source = select_source(settings)
    if settings.pull is not None:
        pull(settings.pull, settings.pulled_dir, tell)
    progress.console.print(source.description, soft_wrap=True)
    found = check_data.look(settings, source)
    check_data.show(found, progress.console)
    found.check()
    del found
    from crm_assets.defs import partitions

    source, months = partitions.source(), partitions.months()
    start = time.perf_counter()
    store = open_store(settings)
    store.files.check()
    if told := store.claim():
        progress.console.print(told, soft_wrap=True)
    from crm_assets.definitions import everything
    from crm_assets.defs.assets.pulled import pulled_keys
    from crm_assets.defs.run import run_months

    # The files are there: a second pull could bring other ones than those whose months are known.
    pulled = pulled_keys()
    rest = [key for key in everything().asset_layer.executable_asset_keys if key not in pulled]
    failed = run_months(everything, months.first, months.last, rest if pulled else None)
    if failed:
        for reason in failed:
            progress.tell_failure(reason)
        return 1
    summary.show(summary.read_results(store, months, source.description, source.synthetic), progress.console)
    progress.console.print(
        f"Done in {time.perf_counter() - start:.0f} s. "
        "`make dashboard` opens the forecast, `make export` writes it to files, "
        "`make dev` opens the Dagster UI, `make mlflow` the models.",
        soft_wrap=True,
    )
    return 0


def _check_dagster_home() -> None:
    """Raise a clear error if Dagster has no folder for its history, instead of Dagster's traceback."""
    given = os.environ.get("DAGSTER_HOME", "")
    home = Path(given)
    if home.is_absolute() and home.is_dir():
        return
    raise SettingsError(
        f"DAGSTER_HOME {f'is {given}, not the absolute path of a folder' if given else 'is not set'}; "
        "use make run, or set it to the folder where Dagster keeps its history."
    )

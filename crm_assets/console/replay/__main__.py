"""`python -m crm_assets.console.replay`: replay a dump month by month, and check its forecasts."""

from __future__ import annotations

import argparse
import math
import os
import shutil
import sys
import time
from pathlib import Path

from rich.table import Table

from crm_assets.console.replay.live import Dagster, dagster_dev
from crm_assets.console.replay.past import Past
from crm_assets.console.terminal import run_command, said
from crm_assets.crm.archive import in_use
from crm_assets.crm.months import MonthRange
from crm_assets.defs.progress import console
from crm_assets.errors import ReplayError
from crm_assets.settings import Settings, get_settings, variable
from crm_assets.sources.base import Source
from crm_assets.sources.calendar import note
from crm_assets.sources.csv_folder import CsvFolder
from crm_assets.sources.select import month_range, select_source
from crm_assets.storage.archive import Archive
from crm_assets.storage.choice import open_store

INSTANCE = Path(__file__).parents[3] / "dagster.yaml"
# The replay takes over the settings that affect models; it sets all others itself.
HANDED_ON = (
    "engine_memory",
    "test_months",
    "min_training_months",
    "admit_features",
    "exclude_features",
    "seed",
)
# The first months of a dump have too little history to forecast.
MONTHS_BEFORE = 5
# Smaller differences between probabilities come from the order of additions.
SAME = 1e-9


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    line = argparse.ArgumentParser(prog="python -m crm_assets.console.replay", description=said(__doc__))
    line.add_argument(
        "--from", dest="first", help="the first month, YYYY-MM; the sixth of the dump by default"
    )
    line.add_argument("--to", dest="last", help="the last month; the last of the dump by default")
    line.add_argument("--port", type=int, help="the port of the UI; any free port by default")
    return line


def main() -> int:
    """Replay, report, and keep the tables in `CRM_HOME`/replay; return 0 if forecast and backtest agree."""
    asked = parser().parse_args()
    return _replay(asked.first, asked.last, asked.port)


def _replay(first: str | None, last: str | None, port: int | None) -> int:
    settings = get_settings()
    source = select_source(settings)
    whole = list(month_range(settings, source))
    first, last = first or whole[min(MONTHS_BEFORE, len(whole) - 1)], last or whole[-1]
    if first not in whole or last not in whole or first > last:
        raise ReplayError(f"There is no month from {first} to {last} in {whole[0]} to {whole[-1]}.")
    folder = _fresh_folder(settings)
    start = time.monotonic()
    past = _past(settings, source)
    if past.is_recorded:
        names = ", ".join(dump.name for dump in past.dumps)
        console.print(
            f"Archived dumps: {names}. Their months are shown as they were recorded.", soft_wrap=True
        )
    _arrive(past, folder, first)
    with dagster_dev(folder, _environment(settings, folder, whole[0]), port) as dagster:
        console.print(f"Watch it at {dagster.address} (log: {folder / 'dagster.log'}).", soft_wrap=True)
        for month in MonthRange(first, last):
            _arrive(past, folder, month)
            _live_through(dagster, month)
        agree = _report(folder, past, whole, first)
        console.print(f"{first} to {last} in {time.monotonic() - start:.0f} s.")
        if sys.stdin.isatty():
            console.input(f"The UI stays at {dagster.address} until you press Enter.")
    return 0 if agree else 1


def _past(settings: Settings, source: Source) -> Past:
    """Return the dumps to replay: those of the archive, if it has more than one, else today's."""
    archive = Archive(open_store(settings))
    return Past(source, archive, tuple(in_use(archive.dumps(), settings.withdrawn_dumps)))


def _arrive(past: Past, folder: Path, month: str) -> None:
    """Write the files as they stood at the end of a month, and note the months that they cover."""
    past.export(folder / "dump", month)
    dump = CsvFolder(folder / "dump", "the replay's dump")
    note(folder / "home", dump.identity, dump.month_range())


def _live_through(dagster: Dagster, month: str) -> None:
    """Replay one month: reload its data and tick the schedule; the sensors do the rest."""
    before = {run["runId"] for run in dagster.runs()}
    dagster.reload()
    skipped = dagster.tick(month)
    runs = dagster.wait_until_quiet()
    new = [run for run in reversed(runs) if run["runId"] not in before]
    failed = [run["jobName"] for run in new if run["status"] != "SUCCESS"]
    if failed:
        raise ReplayError(
            f"{', '.join(failed)} failed in {month}; see {dagster.address}/runs for the reason."
        )
    console.print(f"{month}  {skipped or ', '.join(run['jobName'] for run in new)}", soft_wrap=True)


def _fresh_folder(settings: Settings) -> Path:
    folder = settings.home / "replay"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "dagster").mkdir(parents=True)
    shutil.copy(INSTANCE, folder / "dagster" / "dagster.yaml")
    return folder


def _environment(settings: Settings, folder: Path, first_month: str) -> dict[str, str]:
    """Return the environment of the replay: its own data and home, with automation on."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
    handed_on = {variable(name): _text(getattr(settings, name)) for name in HANDED_ON}
    own = {
        "DAGSTER_HOME": str(folder / "dagster"),
        "CRM_SOURCE": "csv",
        "CRM_MAPPING": "kaggle",
        "CRM_STORAGE": "local",
        "USE_S3_STORAGE": "",
        "CRM_DATA_DIR": str(folder / "dump"),
        "CRM_HOME": str(folder / "home"),
        "CRM_FIRST_MONTH": first_month,
        "CRM_AUTOMATION": "on",
        # The replay compares forecasts itself.
        "CRM_MONITORING": "off",
        "CRM_POLL_SECONDS": "1",
    }
    return clean | handed_on | own


def _text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _report(folder: Path, past: Past, whole: list[str], first: str) -> bool:
    """Print forecast, walk-forward and realized wins, and return whether the first two agree.

    Args:
        folder: the folder of the replay.
        past: the dumps that were replayed.
        whole: all months of the data.
        first: the first month that was replayed.
    """
    from crm_assets.console.replay import report
    from crm_assets.registry import models, tracking
    from crm_assets.registry.recipes import recipes_of
    from crm_assets.storage.folder import Folder
    from crm_assets.storage.tables import TableStore

    settings = get_settings()
    home = folder / "home"
    uri = f"sqlite:///{home / 'mlflow.db'}"
    tracking.connect(uri, home / "mlflow-artifacts")
    recipes = recipes_of(uri)
    compared = report.compare(
        TableStore(Folder(home / "tables"), settings.engine_memory),
        recipes,
        report.known_of(past, whole[0], whole, first),
        models.load_champion().walk_forward,
        settings,
    )
    for version in sorted(recipes.values(), key=lambda v: int(v.version)):
        learned = f"{version.algorithm}, learned up to {version.trained_months[-1]}"
        console.print(f"Version {version.version}: {learned}, {version.decision}.")
    shown = Table(title="Wins: expected at the time, by walk-forward over the whole dump, and realized")
    # A champion that was not promoted for long has no backtest of the months that were replayed.
    printed = compared.drop(columns=["algorithm", "chosen"]).dropna(axis="columns", how="all")
    for column in printed.columns:
        shown.add_column(column.replace("_", " "), justify="left" if column == "month" else "right")
    for row in printed.to_dict("records"):
        shown.add_row(*(_cell(name, value) for name, value in row.items()))
    console.print(shown)
    agree = bool(
        (compared["difference"] < SAME).all() and (compared["algorithm"] == compared["chosen"]).all()
    )
    console.print("They agree." if agree else "They do NOT agree.")
    return agree


def _cell(column: object, value: object) -> str:
    """Return a value of the report as text: wins with one decimal, and nothing for what is unknown.

    >>> _cell("expected", 67.78), _cell("realized", 42.0), _cell("realized", float("nan"))
    ('67.8', '42', '')
    """
    if isinstance(value, float):
        if math.isnan(value):
            return ""
        # Realized wins are whole numbers, and of a difference only the size matters.
        return format(value, {"realized": ",.0f", "difference": ".1g"}.get(str(column), ",.1f"))
    return f"{value:,}" if isinstance(value, int) else str(value)


if __name__ == "__main__":
    sys.exit(run_command(main))

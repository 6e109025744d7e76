"""A separate installation for tests that run the graph as a user does: in real processes."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pandas as pd
import pyarrow.parquet as pq

from dev import warm
from dev.here import run_here

ROOT = Path(__file__).parent.parent
MODULE = ("-m", "crm_assets.definitions")


@dataclass(frozen=True)
class Place:
    """One installation: its folder and settings, and commands to run in it."""

    folder: Path
    settings: dict[str, str]

    @property
    def tables(self) -> Path:
        return self.folder / "home" / "tables"

    def environment(self, **settings: str) -> dict[str, str]:
        """Return the environment of a process of this installation."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
        return clean | {
            "CRM_HOME": str(self.folder / "home"),
            "DAGSTER_HOME": str(self.folder / "dagster"),
            "COLUMNS": "120",
            **self.settings,
            **settings,
        }

    def run(self, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a command with this installation's settings."""
        return subprocess.run(
            command,
            env=self.environment(**settings),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )

    def python(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a module, in a process that starts with the libraries loaded; code after `-c` in a new one."""
        if arguments[0] == "-c":
            return self.run(sys.executable, *arguments, **settings)
        return warm.run(arguments, self.environment(**settings), self.folder)

    def dagster(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run Dagster's command, in a process that starts with the libraries loaded."""
        return warm.run(("dagster", *arguments), self.environment(**settings), self.folder)

    def here(self, module: str, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m module arguments` in the process of the test, which takes seconds less."""
        with contextlib.chdir(self.folder):
            return run_here(self.environment(**settings), module, *arguments)

    def copy(self, folder: Path, **settings: str) -> Place:
        """Make another installation with the same tables and models, but no history."""
        other = place(folder, **(self.settings | settings))
        shutil.copytree(self.folder / "home", other.folder / "home")
        return other

    def frame(self, name: str, month: str | None = None) -> pd.DataFrame:
        file = f"{name}/{month}.parquet" if month else f"{name}.parquet"
        return pq.read_table(self.tables / file).to_pandas()

    def months(self, name: str) -> list[str]:
        """Return the stored months of a table, in order."""
        return sorted(path.stem for path in (self.tables / name).glob("*.parquet"))

    def contents(self) -> dict[str, bytes]:
        """Return every stored table file and its bytes."""
        return {
            str(path.relative_to(self.tables)): path.read_bytes()
            for path in sorted(self.tables.rglob("*"))
            if path.is_file()
        }

    def materialized(self, asset: str, month: str | None = None) -> bool:
        """Return whether this installation's history has a materialization of an asset."""
        with dg.DagsterInstance.from_config(str(self.folder / "dagster")) as instance:
            chosen = dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[month] if month else None)
            return bool(instance.fetch_materializations(chosen, limit=1).records)

    def events_of_first_run(self, kind: dg.DagsterEventType) -> Counter[str]:
        """Count the events of a kind per step in this installation's first run."""
        with dg.DagsterInstance.from_config(str(self.folder / "dagster")) as instance:
            run = instance.get_runs(ascending=True, limit=1)[0]
            records = instance.get_records_for_run(run.run_id, of_type=kind).records
        return Counter(str(record.event_log_entry.step_key) for record in records)

    def metadata(self, asset: str, month: str | None = None) -> dict[str, dg.MetadataValue]:
        """Return the metadata of the newest materialization, as the UI shows it."""
        with dg.DagsterInstance.from_config(str(self.folder / "dagster")) as instance:
            chosen = dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[month] if month else None)
            event = instance.fetch_materializations(chosen, limit=1).records[0].asset_materialization
        assert event is not None
        return dict(event.metadata)


def measured() -> tuple[str, ...]:
    """Return how Python runs a module so that it counts toward the tests' coverage, if that is measured."""
    from coverage import Coverage

    if Coverage.current() is None:
        return ()
    settings = (f"--rcfile={ROOT / 'pyproject.toml'}", f"--data-file={ROOT / '.coverage'}")
    return ("-m", "coverage", "run", *settings, "--parallel-mode")


def place(folder: Path, **settings: str) -> Place:
    """Make an installation in a folder, with the settings as environment variables."""
    (folder / "dagster").mkdir(parents=True)
    shutil.copy(ROOT / "dagster.yaml", folder / "dagster" / "dagster.yaml")
    return Place(folder, settings)

"""Importing the definitions opens no customer file and no network, whatever is configured."""

from __future__ import annotations

import importlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from crm_assets.crm.months import MonthRange
from crm_assets.sources.calendar import note
from crm_assets.sources.csv_folder import CsvFolder
from crm_assets.sources.sample import SyntheticSample
from crm_assets_tests.chain import write_dump
from dev.here import loaded_anew
from dev.place import MODULE, place

# One process imports the definitions once for each of the settings that it is given.
WATCHED = """
import contextlib, io, json, os, sys
opened, connected = [], []

def watch(event, arguments):
    if event in ("open", "os.listdir", "os.scandir") and isinstance(arguments[0], (str, bytes)):
        opened.append(os.fsdecode(arguments[0]))
    if event in ("socket.connect", "socket.getaddrinfo"):
        connected.append(str(arguments[1:]))

sys.addaudithook(watch)
from dev.here import loaded_anew

heavy = {"ibis.backends.duckdb", "sklearn", "mlflow", "botocore", "requests", "scipy", "optuna", "lightgbm"}
for settings in json.loads(sys.argv[1]):
    opened.clear(), connected.clear()
    with loaded_anew(os.environ | settings), contextlib.redirect_stderr(io.StringIO()) as said:
        from crm_assets.definitions import defs
        from crm_assets.defs.partitions import monthly

        months = list(monthly.get_partition_keys())
        jobs = sorted(job.name for job in defs.get_repository_def().get_all_jobs())
    found = {"opened": opened, "connected": connected, "months": months, "jobs": jobs}
    print(json.dumps(found | {"loaded": sorted(heavy & set(sys.modules)), "said": said.getvalue()}))
"""
# If the import asked a server, it would ask one of these names.
NETWORK = {
    "CRM_STORAGE": "s3",
    "CRM_S3_ENDPOINT": "http://127.0.0.1:9",
    "CRM_MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
    "CRM_ALERT_WEBHOOK": "http://127.0.0.1:9",
}


MONTHS = MonthRange("2022-10", "2023-12")


@dataclass(frozen=True)
class Case:
    """Settings, and whether the folder of the dump is there and somebody has noted its months."""

    settings: dict[str, str]
    there: bool = True
    noted: bool = True


# The laptop comes first: what it loads, no other case has loaded before.
CASES = {
    "laptop": Case({}),
    "network": Case(NETWORK),
    "nobody has read": Case({}, noted=False),
    "away": Case({}, there=False),
    "away and unknown": Case({}, there=False, noted=False),
}


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Import the definitions with the settings of each case, and return what was seen."""
    base = tmp_path_factory.mktemp("imports")
    written = write_dump(base / "dump", SyntheticSample(900, seed=1)).resolve()
    settings, dumps = [], []
    for name, case in CASES.items():
        dump = written if case.there else base / "nowhere"
        there = place(base / name, CRM_DATA_DIR=str(dump), **case.settings)
        if case.noted:
            note(there.folder / "home", CsvFolder(dump, "test").identity, MONTHS)
        settings.append(
            {key: value for key, value in there.environment().items() if os.environ.get(key) != value}
        )
        dumps.append(dump)
    done = there.python("-c", WATCHED, json.dumps(settings))
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()[-len(CASES) :]]
    for one, dump in zip(found, dumps, strict=True):
        one["of data"] = [path for path in one["opened"] if path.startswith(str(dump))]
    return dict(zip(CASES, found, strict=True))


@pytest.mark.parametrize("case", CASES)
def test_importing_the_definitions_opens_no_data_and_no_network(
    imported: dict[str, dict[str, Any]], case: str
) -> None:
    found = imported[case]
    assert (found["of data"], found["connected"]) == ([], [])
    assert found["months"] == (list(MONTHS) if CASES[case].noted else [])
    # The watch does see files.
    assert not CASES[case].noted or any(path.endswith("calendar.json") for path in found["opened"])


def test_importing_the_definitions_loads_no_heavy_library(imported: dict[str, dict[str, Any]]) -> None:
    # Each import takes from a quarter of a second to seconds; a bucket needs botocore.
    assert imported["laptop"]["loaded"] == []
    assert set(imported["network"]["loaded"]) <= {"botocore"}


def test_a_folder_that_nobody_has_read_loads_without_months_and_says_what_to_do(
    imported: dict[str, dict[str, Any]],
) -> None:
    found = imported["nobody has read"]
    assert "are not known yet: materialize the raw tables" in found["said"]
    assert "monthly_win_probability" in found["jobs"]


def test_the_raw_tables_note_the_months_for_the_next_process(tmp_path: Path, small_dump: Path) -> None:
    there = place(tmp_path / "place", CRM_DATA_DIR=str(small_dump))
    done = there.here("dagster", "asset", "materialize", *MODULE, "--select", "raw_sales_pipeline")
    assert done.returncode == 0, done.stderr
    assert "The data covers 2022-10 to 2023-12. Reload the code location" in done.stderr
    with loaded_anew(there.environment()):
        partitions = importlib.import_module("crm_assets.defs.partitions")
        assert partitions.monthly.get_partition_keys() == list(MONTHS)

"""Importing the definitions opens no customer file and no network, whatever is configured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crm_assets.crm.months import MonthRange
from crm_assets.sources.calendar import note
from crm_assets.sources.csv_folder import CsvFolder
from dev.place import place

WATCHED = """
import json, os, sys
opened, connected = [], []

def watch(event, arguments):
    if event in ("open", "os.listdir", "os.scandir") and isinstance(arguments[0], (str, bytes)):
        opened.append(os.fsdecode(arguments[0]))
    if event in ("socket.connect", "socket.getaddrinfo"):
        connected.append(str(arguments[1:]))

sys.addaudithook(watch)
import crm_assets.definitions
from crm_assets.defs import partitions

months = list(partitions.monthly.get_partition_keys())
jobs = sorted(job.name for job in crm_assets.definitions.defs.get_repository_def().get_all_jobs())
heavy = {"ibis.backends.duckdb", "sklearn", "mlflow", "botocore", "requests", "scipy", "optuna", "lightgbm"}
found = {"opened": opened, "connected": connected, "months": months, "jobs": jobs}
print(json.dumps(found | {"loaded": sorted(heavy & set(sys.modules))}))
"""
# If the import asked a server, it would ask one of these names.
NETWORK = {
    "CRM_STORAGE": "s3",
    "CRM_S3_ENDPOINT": "http://127.0.0.1:9",
    "CRM_MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
    "CRM_ALERT_WEBHOOK": "http://127.0.0.1:9",
}


def imported(folder: Path, dump: Path, noted: MonthRange | None, **settings: str) -> dict[str, Any]:
    there = place(folder, CRM_DATA_DIR=str(dump), **settings)
    if noted:
        note(there.folder / "home", CsvFolder(dump, "test").identity, noted)
    done = there.python("-c", WATCHED)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    found["said"] = done.stderr
    found["of data"] = [path for path in found["opened"] if path.startswith(str(dump))]
    return found


@pytest.mark.parametrize("settings", [{}, NETWORK], ids=["laptop", "network"])
def test_importing_the_definitions_opens_no_data_and_no_network(
    tmp_path: Path, small_dump: Path, settings: dict[str, str]
) -> None:
    months = MonthRange("2022-10", "2023-12")
    found = imported(tmp_path / "place", small_dump.resolve(), months, **settings)
    assert (found["of data"], found["connected"]) == ([], [])
    # Each import takes from a quarter of a second to seconds; a bucket needs botocore.
    assert set(found["loaded"]) <= ({"botocore"} if settings else set())
    # The watch does see files.
    assert any(path.endswith("calendar.json") for path in found["opened"])
    assert found["months"] == list(months)


def test_a_folder_that_nobody_has_read_loads_without_months_and_says_what_to_do(
    tmp_path: Path, small_dump: Path
) -> None:
    found = imported(tmp_path / "place", small_dump.resolve(), None)
    assert (found["of data"], found["connected"], found["months"]) == ([], [], [])
    assert "are not known yet: materialize the raw tables" in found["said"]
    assert "monthly_win_probability" in found["jobs"]


@pytest.mark.parametrize("noted", [None, MonthRange("2022-10", "2023-12")], ids=["unknown", "noted"])
def test_a_folder_that_is_away_loads_all_the_same(tmp_path: Path, noted: MonthRange | None) -> None:
    found = imported(tmp_path / "place", tmp_path / "away", noted)
    assert (found["of data"], found["connected"]) == ([], [])
    assert found["months"] == list(noted or [])


def test_the_raw_tables_note_the_months_for_the_next_process(tmp_path: Path, small_dump: Path) -> None:
    there = place(tmp_path / "place", CRM_DATA_DIR=str(small_dump))
    module = ("-m", "crm_assets.definitions")
    done = there.dagster("asset", "materialize", *module, "--select", "raw_sales_pipeline")
    assert done.returncode == 0, done.stderr
    assert "The data covers 2022-10 to 2023-12. Reload the code location" in done.stderr
    again = there.python("-c", WATCHED)
    assert json.loads(again.stdout.splitlines()[-1])["months"] == list(MonthRange("2022-10", "2023-12"))

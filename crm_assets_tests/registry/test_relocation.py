"""After a home is moved, renamed or copied, its embedded registry still finds its artifacts."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import requests

from crm_assets.errors import StorageError
from crm_assets.registry.relocation import PLACES, relocate
from crm_assets.registry.tracking import EXPERIMENT
from dev.daemon import stop
from dev.place import MODULE, Place
from dev.waiting import wait_until

LOAD = ("-m", "crm_assets_tests.registry.in_force")


def paths(home: Path) -> list[str]:
    """Return every artifact path in the database."""
    with closing(sqlite3.connect(home / "mlflow.db")) as connection:
        found = [
            row[0]
            for table, column in PLACES
            for row in connection.execute(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL")  # noqa: S608
        ]
    return [path for path in found if str(path).startswith("file:") and "mlruns" not in path]


def elsewhere(home: Path) -> list[str]:
    """Return all columns of the database that name other artifacts than this home's, whatever their names."""
    artifacts = home / "mlflow-artifacts"
    with closing(sqlite3.connect(home / "mlflow.db")) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [
            f"{table}.{column}"
            for table in tables
            for _, column, *_ in connection.execute(f"PRAGMA table_info({table})")
            if connection.execute(
                f"SELECT 1 FROM {table} WHERE instr(replace({column}, ?, ''), ?) LIMIT 1",  # noqa: S608
                [artifacts.as_uri(), artifacts.name],
            ).fetchone()
        ]


@pytest.fixture
def moved(sample_run: tuple[Place, str], tmp_path: Path) -> Place:
    """Make a finished installation whose home was copied, used in its new place, and then renamed."""
    there, _ = sample_run
    copy = there.copy(tmp_path / "before")
    used = copy.python(*LOAD)
    assert used.returncode == 0, used.stderr
    copy.folder.rename(tmp_path / "after, with blanks")
    return Place(tmp_path / "after, with blanks", copy.settings)


def test_a_copy_of_a_home_is_a_registry_of_its_own(sample_run: tuple[Place, str], tmp_path: Path) -> None:
    there, _ = sample_run
    original = (there.folder / "home" / "mlflow.db").read_bytes()
    copy = there.copy(tmp_path / "copy")
    done = copy.python(*LOAD)
    assert json.loads(done.stdout.splitlines()[-1])[0] == "1", done.stderr
    assert elsewhere(copy.folder / "home") == []
    assert (there.folder / "home" / "mlflow.db").read_bytes() == original


def test_a_home_that_was_renamed_loads_its_champion_and_trains_again(moved: Place) -> None:
    loaded = moved.python(*LOAD)
    assert json.loads(loaded.stdout.splitlines()[-1])[0] == "1", loaded.stderr
    trained = moved.dagster("asset", "materialize", *MODULE, "--select", "logistic_regression,champion")
    assert trained.returncode == 0, trained.stderr
    assert str(moved.metadata("champion")["version"].value) == "2"
    home = moved.folder / "home"
    assert {path.startswith((home / "mlflow-artifacts").as_uri()) for path in paths(home)} == {True}
    assert elsewhere(home) == []


def test_the_ui_of_a_home_that_was_renamed_shows_its_artifacts(moved: Place) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "crm_assets.console.mlflow_ui", "--port", str(port)]
    with (moved.folder / "ui.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=moved.environment(), cwd=moved.folder, stdout=log, stderr=log, start_new_session=True
        )
    try:
        log_file = moved.folder / "ui.log"

        def ready() -> bool:
            assert process.poll() is None, log_file.read_text()
            return _answers(f"{address}/health")

        wait_until(ready, "MLflow's UI", lambda: log_file.stat().st_size)
        version = requests.get(
            f"{address}/api/2.0/mlflow/registered-models/alias",
            params={"name": f"{EXPERIMENT}_model", "alias": "champion"},
            timeout=60,
        ).json()["model_version"]
        listed = requests.get(
            f"{address}/api/2.0/mlflow/artifacts/list", params={"run_id": version["run_id"]}, timeout=60
        ).json()
        assert "walk_forward.parquet" in [file["path"] for file in listed["files"]]
        file = requests.get(
            f"{address}/get-artifact",
            params={"run_id": version["run_id"], "path": "walk_forward.parquet"},
            timeout=60,
        )
        assert file.content.startswith(b"PAR1")
        process.terminate()
        assert process.wait(timeout=300) == 128 + signal.SIGTERM
        assert not _answers(f"{address}/health"), "its server goes on"
    finally:
        stop(process)


def _answers(address: str) -> bool:
    try:
        return requests.get(address, timeout=5).ok
    except requests.RequestException:
        return False


def test_artifacts_that_stayed_behind_keep_their_paths(sample_run: tuple[Place, str], tmp_path: Path) -> None:
    there, _ = sample_run
    database = tmp_path / "mlflow.db"
    database.write_bytes((there.folder / "home" / "mlflow.db").read_bytes())
    assert relocate(database, tmp_path / "mlflow-artifacts") == 0


def test_nothing_is_rewritten_where_there_is_nothing_to_do(
    sample_run: tuple[Place, str], tmp_path: Path
) -> None:
    home = sample_run[0].folder / "home"
    assert relocate(home / "mlflow.db", home / "mlflow-artifacts") == 0
    assert relocate(tmp_path / "mlflow.db", tmp_path) == 0


def test_a_rewrite_that_fails_midway_changes_no_path(sample_run: tuple[Place, str], tmp_path: Path) -> None:
    copy = sample_run[0].copy(tmp_path / "copy")
    home = copy.folder / "home"
    with closing(sqlite3.connect(home / "mlflow.db")) as connection:
        connection.execute(
            "CREATE TRIGGER full BEFORE UPDATE ON model_versions BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
    before = paths(home)
    with pytest.raises(StorageError, match=r"Cannot update the paths in .*: disk full; check"):
        relocate(home / "mlflow.db", home / "mlflow-artifacts")
    assert paths(home) == before

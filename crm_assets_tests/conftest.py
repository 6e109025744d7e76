"""Fixtures that all tests share: a small dump, the real dump, an engine."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ibis.backends.duckdb import Backend

from crm_assets.engine.duckdb import connect
from crm_assets.settings import get_settings
from crm_assets.sources.sample import SyntheticSample
from crm_assets_tests.chain import Chain, run_chain, write_dump
from crm_assets_tests.levels import INTEGRATION, SCALE, STACK, SYSTEM, UNIT, level_of
from crm_assets_tests.once import ByServer, made_once
from dev.mlflow_server import mlflow_server
from dev.place import Place, measured
from dev.stack.place import HOST
from dev.stack.place import Place as StackPlace
from dev.stack.postgres import find_programs
from dev.stack.stack import Stack

FIRST = (SYSTEM, STACK, SCALE, INTEGRATION, UNIT)
# The folder of the real CRM dump; tests that need it are skipped if it is not set.
REAL_DUMP = "CRM_TEST_REAL_DUMP"
# Resolve the path now, since each test changes to its own folder.
_REAL_DUMP = Path(os.environ[REAL_DUMP]).resolve() if os.environ.get(REAL_DUMP) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with its level, and run the long ones first, so that no core waits at the end.

    Those of the stack come second: their servers stay until the session ends, and take processor time.
    """
    levels = {item: level_of(item.nodeid.removeprefix("crm_assets_tests/")) for item in items}
    for item, level in levels.items():
        item.add_marker(level)
    items.sort(key=lambda item: FIRST.index(levels[item]))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByServer | None:
    """Say which files go to the same worker, where whole files go to workers at all."""
    return ByServer(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.fixture(autouse=True)
def no_process_in_a_unit_test(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail unit tests that start a process; `levels.py` must give such tests another level."""
    if request.node.get_closest_marker(UNIT) is None:
        return

    def refuse(*arguments: object, **named: object) -> None:
        raise AssertionError("A unit test starts no process: give its file another level in levels.py.")

    # Without this, joblib starts a process to count the cores.
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", str(os.cpu_count()))
    monkeypatch.setattr(subprocess.Popen, "__init__", refuse)


@pytest.fixture(autouse=True)
def clean_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Hide the settings of the person who runs a test, and those of the test before."""
    for name in [name for name in os.environ if name.startswith("CRM_") and name != REAL_DUMP]:
        monkeypatch.delenv(name)
    for name in [name for name in os.environ if name.startswith(("KAGGLE_", "AWS_", "USE_S3_STORAGE"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@pytest.fixture
def small_dump(tmp_path: Path) -> Path:
    """Return a folder with the four CSV files of a synthetic CRM of 900 deals."""
    return write_dump(tmp_path / "dump", SyntheticSample(900, seed=1))


@pytest.fixture(scope="session")
def real_dump() -> Path:
    """Return the folder of the real CRM dump."""
    if _REAL_DUMP is None:
        pytest.skip(f"{REAL_DUMP} is not set")
    return _REAL_DUMP


@pytest.fixture(scope="session")
def engine() -> Backend:
    """Return an embedded DuckDB."""
    return connect()


@pytest.fixture(scope="session")
def tracking_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the address of a real MLflow server; the session shares it, since it takes seconds to start."""
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as address:
        yield address


@pytest.fixture(scope="session")
def sample_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, str]:
    """Return a finished run on a small synthetic sample, and its output."""
    sample = {"CRM_SOURCE": "sample", "CRM_SAMPLE_OPPORTUNITIES": "2000"}
    return made_once(tmp_path_factory, "sample", sample, *measured(), "-m", "crm_assets")


@pytest.fixture(scope="session")
def real_run(tmp_path_factory: pytest.TempPathFactory, real_dump: Path) -> tuple[Place, str]:
    """Return a finished run on the real dump, and its output."""
    return made_once(tmp_path_factory, "real", {"CRM_DATA_DIR": str(real_dump)}, "-m", "crm_assets")


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Yield the deployed stack as native processes, on the real dump if there is one, else on a sample."""
    if find_programs() is None:
        pytest.skip("PostgreSQL's server is not installed")
    # The database server's user may not enter pytest's own folder.
    folder = Path(tempfile.mkdtemp(prefix="crm-stack-"))
    sample = {"CRM_SOURCE": "sample", "CRM_SAMPLE_OPPORTUNITIES": "2000"}
    data = {"CRM_DATA_DIR": str(_REAL_DUMP)} if _REAL_DUMP else sample
    try:
        yield Stack.start(folder, settings=data | _small_searches(Stack(StackPlace(folder))))
    finally:
        Stack.at(folder).stop()
        shutil.rmtree(folder)


def _small_searches(stack: Stack) -> dict[str, str]:
    """Return settings for searches of a few trials that other machines can join."""
    stack.place.prepare()
    user = f"dagster:{stack.place.secrets['DAGSTER_POSTGRES_PASSWORD']}"
    server = f"{HOST}:{stack.place.ports['POSTGRES_PORT']}"
    return {
        "CRM_TUNE_TRIALS": "12",
        "CRM_TUNE_STORAGE": f"postgresql+psycopg2://{user}@{server}/tuning",
        # On a busy machine a run takes a while until it leads a search.
        "CRM_TUNE_HEARTBEAT": "60",
    }


@pytest.fixture(scope="session")
def small_chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """Return all tables of a small synthetic dump, for every month."""
    base = tmp_path_factory.mktemp("small")
    return run_chain(write_dump(base / "dump", SyntheticSample(900, seed=1)), base / "tables")


@pytest.fixture(scope="session")
def real_chain(real_dump: Path, tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """Return all tables of the real dump, for every month."""
    return run_chain(real_dump, tmp_path_factory.mktemp("real"))

"""A full disk and too little memory end with one sentence and a remedy, whichever library noticed."""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from crm_assets import shortage
from dev.place import Place, place

SMALL_SAMPLE = {"CRM_SOURCE": "sample", "CRM_SAMPLE_OPPORTUNITIES": "2000"}


def too_large_for_numpy() -> None:
    np.empty(2**50, dtype="float64")


def too_large_for_arrow() -> None:
    pa.allocate_buffer(2**60)


def too_large_for_duckdb() -> None:
    with duckdb.connect(config={"memory_limit": "1MB"}) as engine:
        engine.execute("CREATE TABLE t AS SELECT range AS n, random() AS m FROM range(5000000)")


def too_large_for_sqlite() -> None:
    with sqlite3.connect(":memory:") as database:
        database.execute("PRAGMA max_page_count = 2")
        database.execute("CREATE TABLE t (x)")
        database.execute("INSERT INTO t VALUES (zeroblob(1000000))")


def no_space() -> None:
    raise RuntimeError("wrapped") from OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    ("fails", "said", "remedy"),
    [
        (too_large_for_numpy, "There is too little memory", "lower CRM_ENGINE_MEMORY=4GB"),
        (too_large_for_arrow, "There is too little memory", "lower CRM_ENGINE_MEMORY=4GB"),
        (too_large_for_duckdb, "The table engine needs more memory than CRM_ENGINE_MEMORY=4GB", "If this"),
        (too_large_for_sqlite, "The disk is full (database or disk is full)", "set CRM_HOME, DAGSTER_HOME"),
        (no_space, "The disk is full ([Errno 28] No space left on device)", "set CRM_HOME, DAGSTER_HOME"),
    ],
)
def test_each_library_is_understood(fails: Callable[[], None], said: str, remedy: str) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - of whichever library
        fails()
    text = shortage.told(caught.value)
    assert text is not None
    assert text.startswith(said)
    assert remedy in text
    assert "\n" not in text


def test_other_errors_are_no_shortage() -> None:
    assert shortage.told(ValueError("There is no such month.")) is None


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a file system with space for only the first steps of a run."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1200k", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only who may mount can make a small disk")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fails_in_sentences(there: Place, said: str, **settings: str) -> None:
    done = there.python("-m", "crm_assets", **settings)
    assert done.returncode == 1
    told = [line for line in done.stdout.splitlines() if said in line]
    assert told, done.stdout[-2000:] + done.stderr[-2000:]
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize("full", ["CRM_HOME", "DAGSTER_HOME"])
def test_a_disk_that_fills_up_during_a_run_is_told_with_the_free_space(
    full: str, small_disk: Path, tmp_path: Path
) -> None:
    there = place(tmp_path / "place", **SMALL_SAMPLE)
    if full == "DAGSTER_HOME":
        (there.folder / "dagster").rename(tmp_path / "moved")
        (small_disk / "dagster.yaml").write_bytes((tmp_path / "moved" / "dagster.yaml").read_bytes())
    fails_in_sentences(there, f"0 MB for {full} ({small_disk})", **{full: str(small_disk)})


def test_an_engine_without_enough_memory_is_told_with_the_setting(tmp_path: Path) -> None:
    there = place(tmp_path / "place", **SMALL_SAMPLE)
    fails_in_sentences(
        there, "The table engine needs more memory than CRM_ENGINE_MEMORY=1MB", CRM_ENGINE_MEMORY="1MB"
    )

"""Make in a checkout whose path contains spaces."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dev.place import ROOT

STUB = """#!/bin/sh
echo "$0 | $DAGSTER_HOME | $*"
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Copy the Makefile to a folder with spaces, beside an environment that prints what make runs."""
    folder = tmp_path / "my checkout of it"
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("Makefile", "dagster.yaml", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, folder / name)
    for name in ("python", "dagster"):
        (programs / name).write_text(STUB)
        (programs / name).chmod(0o755)
    # This is the state after `make install`.
    (folder / ".venv" / "installed").touch()
    return folder


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # A make that calls these tests would make this one a child, which prints what it enters and leaves.
    ours = ("DAGSTER_HOME", "MAKEFLAGS", "MFLAGS", "MAKELEVEL")
    clean = {name: value for name, value in os.environ.items() if name not in ours}
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=clean, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("target", "asked"),
    [
        ("run", "-m crm_assets"),
        ("dev", "-m crm_assets.console.start dagster dev"),
        ("checks", "-m crm_assets.console.checks"),
    ],
)
def test_make_works_in_a_path_with_blanks_and_writes_nothing_beside_it(
    checkout: Path, target: str, asked: str
) -> None:
    done = make(checkout, target)
    assert done.returncode == 0, done.stderr
    home = checkout / ".dagster_home"
    assert done.stdout.splitlines()[-1].endswith(f"| {home} | {asked}")
    assert (home / "dagster.yaml").read_bytes() == (ROOT / "dagster.yaml").read_bytes()
    assert list(checkout.parent.iterdir()) == [checkout]
    # Make keeps a file of the user.
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    assert make(checkout, target).returncode == 0
    assert (home / "dagster.yaml").read_text() == "telemetry: {enabled: false}\n"


def test_make_clean_removes_nothing_beside_the_checkout(checkout: Path) -> None:
    for neighbor in ("my", "checkout", "of", "it"):
        (checkout.parent / neighbor).mkdir()
    assert make(checkout, "run").returncode == 0
    assert make(checkout, "clean").returncode == 0
    assert not (checkout / ".dagster_home").exists()
    assert len(list(checkout.parent.iterdir())) == 5


def test_a_run_in_a_path_with_blanks_trains_and_forecasts(tmp_path: Path) -> None:
    folder = tmp_path / "a b" / "c"
    (folder / ".venv").mkdir(parents=True)
    for part in ("bin", "lib", "pyvenv.cfg"):
        (folder / ".venv" / part).symlink_to(Path(sys.prefix) / part)
    for name in ("Makefile", "dagster.yaml", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, folder / name)
    (folder / ".venv" / "installed").touch()
    environment = os.environ | {
        "CRM_SOURCE": "sample",
        "CRM_SAMPLE_OPPORTUNITIES": "300",
        "PYTHONPATH": str(ROOT),
        "PYTHONIOENCODING": "ascii",
    }
    environment.pop("DAGSTER_HOME", None)
    done = subprocess.run(
        ["make", "run"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Forecast for 2024-01" in done.stdout
    # The output cannot show a check mark, so there is none.
    assert "+ raw_accounts" in done.stdout
    assert done.stdout.isascii()
    assert sorted(path.name for path in (tmp_path / "a b").iterdir()) == ["c"]
    assert (folder / "data" / "tables" / "source.json").is_file()

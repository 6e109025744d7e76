"""Ctrl-C ends a command with one line and cancels its run in the histories; SIGTERM ends what it started."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest

from dev.place import Place, place


def stopped(there: Place, how: signal.Signals, at: str, *command: str) -> tuple[int, str, str]:
    """Send a signal once the command has printed a text; return its exit code, output and error output."""
    process = subprocess.Popen(
        [sys.executable, *command],
        env=there.environment(PYTHONUNBUFFERED="1"),
        cwd=there.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    printed = ""
    while at not in printed:
        line = process.stdout.readline()
        assert line, printed
        printed += line
    process.send_signal(how)
    rest, errors = process.communicate(timeout=300)
    return process.returncode, printed + rest, errors


def interrupted(there: Place, at: str, *command: str) -> tuple[int, str, str]:
    """Press Ctrl-C once the command has printed a text."""
    return stopped(there, signal.SIGINT, at, *command)


def ours(main: str) -> tuple[str, str]:
    """Return the arguments of Python for a command of ours that does what the lines of `main` say."""
    lines = textwrap.indent(textwrap.dedent(main), " ")
    wrapper = "from crm_assets.console.terminal import run_command"
    return "-c", f"import subprocess, sys, time\n{wrapper}\ndef main():\n{lines}\nsys.exit(run_command(main))"


# Interrupt while the run makes tables, and while it trains.
@pytest.mark.parametrize("at", ["raw_accounts", "training_set"])
def test_a_run_that_is_interrupted_ends_with_one_line(
    sample_run: tuple[Place, str], tmp_path: Path, at: str
) -> None:
    there = place(tmp_path / "place", **sample_run[0].settings)
    code, printed, errors = interrupted(there, at, "-m", "crm_assets")
    assert code == 130
    assert errors.strip() == "Interrupted."
    assert "Traceback" not in printed
    assert "✗" not in printed
    with dg.DagsterInstance.from_config(str(there.folder / "dagster")) as instance:
        assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.CANCELED]
    with closing(sqlite3.connect(there.folder / "home" / "mlflow.db")) as registry:
        parents = registry.execute(
            "SELECT status FROM runs WHERE run_uuid NOT IN "
            "(SELECT run_uuid FROM tags WHERE key = 'mlflow.parentRunId')"
        ).fetchall()
    assert parents == [("KILLED",)]
    if at == "training_set":
        # Started again, it stores what a run stores that nothing interrupted.
        assert there.python("-m", "crm_assets").returncode == 0
        assert there.contents() == sample_run[0].contents()


def test_a_command_that_is_interrupted_before_it_ran_anything_ends_with_one_line(tmp_path: Path) -> None:
    there = place(tmp_path / "place", CRM_SOURCE="sample")
    waits = """
        print("waiting", flush=True)
        time.sleep(600)
    """
    code, _, errors = interrupted(there, "waiting", *ours(waits))
    assert (code, errors.strip()) == (130, "Interrupted.")


def test_a_command_that_is_terminated_first_ends_what_it_started(tmp_path: Path) -> None:
    there = place(tmp_path / "place", CRM_SOURCE="sample")
    starts = """
        nowhere = subprocess.DEVNULL
        with subprocess.Popen(["sleep", "60"], stdout=nowhere, stderr=nowhere) as started:
            try:
                print("waiting for", started.pid, flush=True)
                return started.wait()
            finally:
                started.terminate()
    """
    code, printed, errors = stopped(there, signal.SIGTERM, "waiting", *ours(starts))
    assert (code, errors.strip()) == (128 + signal.SIGTERM, "")
    with pytest.raises(ProcessLookupError):
        os.kill(int(printed.split()[-1]), 0)

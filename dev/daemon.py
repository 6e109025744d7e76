"""A real Dagster daemon beside a real MLflow server, for tests and measurements of the automation."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import dagster as dg
from mlflow.tracking import MlflowClient

from dev.place import MODULE, Place
from dev.waiting import wait_until

MODEL = "monthly_win_probability_model"
REFRESH = "prediction_refresh"
SECONDS_TO_END = 60
# Looks of the daemon's sensors, all together, within which what is waited for must have begun.
MOST_TICKS = 400
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


@contextmanager
def daemon(there: Place, **settings: str) -> Generator[subprocess.Popen[bytes]]:
    """Run `dagster-daemon` for a place, and end it with all that it has started."""
    command = [str(Path(sys.executable).parent / "dagster-daemon"), "run", *MODULE]
    with (there.folder / "daemon.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            env=there.environment(**settings),
            cwd=there.folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a daemon as a service manager does: the runs that it has started may end, and nothing is left."""
    process.send_signal(signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=SECONDS_TO_END)
    end = time.monotonic() + SECONDS_TO_END
    with suppress(ProcessLookupError):
        while time.monotonic() < end:
            os.killpg(process.pid, 0)
            time.sleep(0.2)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def set_champion(address: str, version: str) -> None:
    """Move the alias as any client of the registry may."""
    MlflowClient(address, address).set_registered_model_alias(MODEL, "champion", version)


def refreshes(there: Place) -> list[dg.RunRecord]:
    """The refreshes of a place so far, the last one first."""
    with dg.DagsterInstance.from_config(str(there.folder / "dagster")) as instance:
        return list(instance.get_run_records(dg.RunsFilter(job_name=REFRESH)))


def idle(there: Place) -> bool:
    """Whether no run of a place is waiting or under way."""
    with dg.DagsterInstance.from_config(str(there.folder / "dagster")) as instance:
        return not instance.get_runs(dg.RunsFilter(statuses=UNFINISHED), limit=1)


def refreshed(there: Place, month: str, version: str) -> bool:
    """Whether a month is predicted by a version, and nothing is under way."""
    return predicted_by(there, month) == {version} and idle(there)


def predicted_by(there: Place, month: str) -> set[str]:
    """The model versions that the stored predictions of a month are of."""
    return set(there.frame("win_predictions", month)["model_version"])


def wait_for(there: Place, what: str, come: Callable[[], bool]) -> None:
    """Wait until something has come about in a place with a daemon, or fail with what it was."""
    first = _ticks(there)
    wait_until(come, what, lambda: (min(_ticks(there) - first, MOST_TICKS), _history(there)))


def _ticks(there: Place) -> int:
    """How often the daemon has looked for a new champion."""
    with dg.DagsterInstance.from_config(str(there.folder / "dagster")) as instance:
        states = instance.all_instigator_state()
        return sum(len(instance.get_ticks(s.instigator_origin_id, s.selector_id)) for s in states)


def _history(there: Place) -> int:
    """How much the runs of a place have written so far, in bytes."""
    kept = (there.folder / "dagster" / "history").rglob("*")
    return sum(path.stat().st_size for path in kept if path.is_file())

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
# What a test waits for must have begun within this many ticks of all the daemon's sensors.
MOST_TICKS = 400
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


@contextmanager
def daemon(there: Place, **settings: str) -> Generator[subprocess.Popen[bytes]]:
    """Run `dagster-daemon` for an installation, and end it with everything that it started."""
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
    """End a daemon as a service manager does: let its runs finish, then kill what is left."""
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
    """Move the alias as any client of the registry can."""
    MlflowClient(address, address).set_registered_model_alias(MODEL, "champion", version)


def refreshes(there: Place) -> list[dg.RunRecord]:
    """Return the refreshes of an installation so far, the last one first."""
    with dg.DagsterInstance.from_config(str(there.folder / "dagster")) as instance:
        return list(instance.get_run_records(dg.RunsFilter(job_name=REFRESH)))


def idle(there: Place) -> bool:
    """Return whether no run of an installation is waiting or running."""
    with dg.DagsterInstance.from_config(str(there.folder / "dagster")) as instance:
        return not instance.get_runs(dg.RunsFilter(statuses=UNFINISHED), limit=1)


def refreshed(there: Place, month: str, version: str) -> bool:
    """Return whether a version predicted a month and no run is waiting or running."""
    return predicted_by(there, month) == {version} and idle(there)


def predicted_by(there: Place, month: str) -> set[str]:
    """Return the model versions that made the stored predictions of a month."""
    return set(there.frame("win_predictions", month)["model_version"])


def wait_for(there: Place, what: str, come: Callable[[], bool]) -> None:
    """Wait until something has happened in an installation with a daemon, or fail and name it."""
    first = _ticks(there)
    wait_until(come, what, lambda: (min(_ticks(there) - first, MOST_TICKS), _history(there)))


def _ticks(there: Place) -> int:
    """Return how often the daemon's sensors have ticked."""
    with dg.DagsterInstance.from_config(str(there.folder / "dagster")) as instance:
        states = instance.all_instigator_state()
        return sum(len(instance.get_ticks(s.instigator_origin_id, s.selector_id)) for s in states)


def _history(there: Place) -> int:
    """Return how much the runs of an installation have written so far, in bytes."""
    kept = (there.folder / "dagster" / "history").rglob("*")
    return sum(path.stat().st_size for path in kept if path.is_file())

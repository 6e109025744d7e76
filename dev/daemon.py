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

MODEL = "monthly_win_probability_model"
REFRESH = "prediction_refresh"
SECONDS_TO_END = 60
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


def wait_for(what: str, come: Callable[[], bool], seconds: float = 90) -> None:
    """Wait until something has come about, or fail with what it was."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if come():
            return
        time.sleep(0.2)
    raise AssertionError(f"Not within {seconds:.0f} s: {what}.")

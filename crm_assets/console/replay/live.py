"""A separate Dagster with UI and daemon, whose clock is the current month of the replay."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests

from crm_assets.crm.months import month_start, shift
from crm_assets.errors import ReplayError

LOCATION = "crm_assets.definitions"
REPOSITORY = {"repositoryName": "__repository__", "repositoryLocationName": LOCATION}
SENSORS = ("champion_changed", "labels_arrived")
SECONDS_TO_START, SECONDS_FOR_A_MONTH = 180, 900
PAUSE = 0.5

RELOAD = """mutation ($name: String!) { reloadRepositoryLocation(repositoryLocationName: $name) {
  __typename ... on PythonError { message } ... on WorkspaceLocationEntry {
  locationOrLoadError { __typename ... on PythonError { message } } } } }"""
TICK = """mutation ($schedule: ScheduleSelector!, $at: Float) {
  scheduleDryRun(selectorData: $schedule, timestamp: $at) { __typename
  ... on PythonError { message } ... on DryRunInstigationTick { evaluationResult { skipReason
  error { message } runRequests { tags { key value } assetSelection { path } } } } } }"""
LAUNCH = """mutation ($params: ExecutionParams!) { launchRun(executionParams: $params) { __typename
  ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
RUNS = """{ runsOrError(limit: 100) { ... on Runs { results { runId jobName status endTime } } } }"""
SENSOR = """query ($sensor: SensorSelector!) { sensorOrError(sensorSelector: $sensor) { ... on Sensor {
  sensorState { ticks(limit: 1) { timestamp status skipReason error { message } } } } } }"""


@dataclass(frozen=True)
class Dagster:
    """A running `dagster dev`, controlled through its GraphQL interface."""

    address: str

    def ask(self, query: str, **variables: Any) -> Any:
        """Send one query, and return the value of its only field.

        Raises:
            ReplayError: Dagster refuses the query.
        """
        answer = requests.post(
            f"{self.address}/graphql", json={"query": query, "variables": variables}, timeout=120
        ).json()
        if answer.get("errors"):
            raise ReplayError(f"Dagster refuses a query: {answer['errors'][0]['message']}")
        (value,) = answer["data"].values()
        return value

    def reload(self) -> None:
        """Reload the code location, so that it reads the months of the data."""
        entry = self.ask(RELOAD, name=LOCATION)
        for part in (entry, entry.get("locationOrLoadError") or {}):
            if "message" in part:
                raise ReplayError(f"The code location does not load: {part['message'].strip()}")

    def tick(self, month: str) -> str | None:
        """Evaluate the schedule as of the first day after `month`, and queue the run that it requests.

        Returns:
            Why the schedule requests no run, or None if it requests one.
        """
        first = datetime.combine(month_start(shift(month, 1)), datetime.min.time(), UTC).replace(hour=6)
        schedule = {"scheduleName": "first_of_month", **REPOSITORY}
        tick = self.ask(TICK, schedule=schedule, at=first.timestamp())
        result = tick.get("evaluationResult") or {"error": tick}
        if result.get("error"):
            raise ReplayError(f"The schedule cannot be evaluated: {result['error'].get('message')}")
        for request in result["runRequests"] or []:
            self._launch(request)
        return result["skipReason"]

    def runs(self) -> list[dict[str, Any]]:
        """Return all runs so far, the latest first: `runId`, `jobName`, `status`, `endTime` (seconds)."""
        return self.ask(RUNS)["results"]

    def wait_until_quiet(self) -> list[dict[str, Any]]:
        """Wait until no run is left and both sensors have nothing to request, and return the runs so far.

        Raises:
            ReplayError: a sensor fails, or it takes too long.
        """
        end = time.monotonic() + SECONDS_FOR_A_MONTH
        while time.monotonic() < end:
            ticks = [self._last_tick(sensor) for sensor in SENSORS]
            runs = self.runs()
            last = max((run["endTime"] or float("inf") for run in runs), default=0)
            if all(tick and tick["status"] == "SKIPPED" and tick["timestamp"] > last for tick in ticks):
                return runs
            time.sleep(PAUSE)
        raise ReplayError(f"A month took more than {SECONDS_FOR_A_MONTH} s; see {self.address}/runs.")

    def _launch(self, request: dict[str, Any]) -> None:
        chosen = request["assetSelection"]
        selector = {"jobName": "finished_month", **REPOSITORY}
        if chosen:
            selector["assetSelection"] = [{"path": key["path"]} for key in chosen]
        tags = [*request["tags"], {"key": "dagster/schedule_name", "value": "first_of_month"}]
        params = {"selector": selector, "runConfigData": {}, "executionMetadata": {"tags": tags}}
        launched = self.ask(LAUNCH, params=params)
        if "run" not in launched:
            reason = launched.get("message", launched["__typename"])
            raise ReplayError(f"The run of the schedule cannot be started: {reason}")

    def _last_tick(self, sensor: str) -> dict[str, Any] | None:
        found = self.ask(SENSOR, sensor={"sensorName": sensor, **REPOSITORY})
        ticks = found["sensorState"]["ticks"]
        if ticks and ticks[0]["error"]:
            raise ReplayError(f"The sensor {sensor} fails: {ticks[0]['error']['message'].strip()}")
        return ticks[0] if ticks else None


@contextmanager
def dagster_dev(folder: Path, environment: dict[str, str], port: int | None) -> Generator[Dagster]:
    """Run UI and daemon in `folder` while the context is open.

    Raises:
        ReplayError: Dagster does not start.
    """
    port = port or _free_port()
    command = [str(Path(sys.executable).parent / "dagster"), "dev", "-m", LOCATION]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    with (folder / "dagster.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own command line
            command, env=environment, cwd=folder, stdout=log, stderr=log, start_new_session=True
        )
    here = Dagster(f"http://127.0.0.1:{port}")
    try:
        _wait_for_start(here, process, folder / "dagster.log")
        yield here
    finally:
        _end(process)


def _wait_for_start(here: Dagster, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < end and process.poll() is None:
        try:
            requests.get(f"{here.address}/server_info", timeout=5).raise_for_status()
        except requests.RequestException:
            time.sleep(PAUSE)
        else:
            return
    raise ReplayError(f"Dagster does not start; see {log} for the reason.")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and all processes that it started."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

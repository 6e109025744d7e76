"""`python -m benchmarks.automation [CHANGES] [--restarts]`: from a changed alias to refreshed predictions.

It uses a real MLflow server, a real daemon, the synthetic sample and default intervals. With `--restarts`,
the sensors check every second, the daemon restarts after each change, and the benchmark counts how often
each change was refreshed.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from pathlib import Path

from dev import daemon
from dev.mlflow_server import mlflow_server
from dev.place import MODULE, Place, place

MONTH = "2023-12"


def prepare(folder: Path, address: str) -> Place:
    """Make a place with predictions of the newest month, and two versions in the registry."""
    there = place(
        folder / "place",
        CRM_SOURCE="sample",
        CRM_SAMPLE_OPPORTUNITIES="2000",
        CRM_MLFLOW_TRACKING_URI=address,
        CRM_AUTOMATION="on",
        CRM_MONITORING="off",
    )
    for done in (
        there.python("-m", "crm_assets"),
        there.dagster("asset", "materialize", *MODULE, "--select", "champion"),
    ):
        assert done.returncode == 0, done.stdout + done.stderr
    return there


def latency(there: Place, address: str, changes: int) -> list[float]:
    """Measure the seconds from each change of the alias to the end of the run that refreshes predictions."""
    chance, seconds = random.Random(1), []  # noqa: S311 - when to change, no secret
    with daemon.daemon(there):
        daemon.set_champion(address, "1")
        time.sleep(60)
        daemon.wait_for(there, "a daemon at rest", lambda: daemon.idle(there))
        for number in range(changes):
            time.sleep(chance.uniform(3, 22))
            version, before = str(2 - number % 2), len(daemon.refreshes(there))
            start = time.time()
            daemon.set_champion(address, version)
            daemon.wait_for(there, f"a refresh to version {version}", lambda n=before: _refreshed(there, n))
            seconds.append((daemon.refreshes(there)[0].end_time or 0) - start)
            assert daemon.predicted_by(there, MONTH) == {version}
            print(f"version {version}: {seconds[-1]:.1f} s", flush=True)
    return seconds


def restarts(there: Place, address: str, changes: int) -> None:
    """Change the alias back and forth, and restart the daemon at a random moment after each change."""
    chance = random.Random(2)  # noqa: S311 - when to restart, no secret
    quick = {"CRM_POLL_SECONDS": "1"}
    daemon.set_champion(address, "1")
    for number in range(changes):
        with daemon.daemon(there, **quick):
            daemon.wait_for(there, "a tick", lambda: daemon.idle(there))
            daemon.set_champion(address, str(2 - number % 2))
            time.sleep(chance.uniform(3, 22))
    last = str(2 - (changes - 1) % 2)
    with daemon.daemon(there, **quick):
        daemon.wait_for(there, "the last champion", lambda: daemon.predicted_by(there, MONTH) == {last})
        time.sleep(30)
    report(there, last)


def report(there: Place, last: str) -> None:
    """Print the result of each change."""
    runs = [record.dagster_run for record in daemon.refreshes(there)]
    goals = [run.tags["crm/refresh"] for run in runs if run.is_success]
    print(f"{len(runs)} runs, {len(goals)} succeeded, {len(set(goals))} different goals")
    print(f"predictions are by version {daemon.predicted_by(there, MONTH)}, the champion is {last}")


def _refreshed(there: Place, before: int) -> bool:
    records = daemon.refreshes(there)
    return len(records) > before and records[0].dagster_run.is_success


def main() -> None:
    """Measure, and print the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("changes", type=int, nargs="?", default=12)
    parser.add_argument("--restarts", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, mlflow_server(Path(temporary) / "mlflow") as address:
        there = prepare(Path(temporary), address)
        if asked.restarts:
            restarts(there, address, asked.changes)
            return
        seconds = latency(there, address, asked.changes)
        print(f"mean {statistics.mean(seconds):.1f} s, worst {max(seconds):.1f} s of {len(seconds)}")


if __name__ == "__main__":
    main()

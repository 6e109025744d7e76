"""`python -m benchmarks.whole_graph`: compare the graph with a plain script of the same core.

It runs script, first run and later run three times in turn, and takes the medians.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from benchmarks.report import GRAPH, write_section

ROOT = Path(__file__).parent.parent
PLAIN, FIRST, LATER = "plain script", "graph, first run (makes both databases)", "graph, later run"
TURNS = 3


@dataclass(frozen=True)
class Measured:
    """Wall-clock time and peak memory of a process."""

    seconds: float
    megabytes: float


def measure(command: list[str], environment: dict[str, str]) -> Measured:
    """Run a command to its end; its output goes to the terminal.

    Raises:
        SystemExit: the command failed.
    """
    start = time.perf_counter()
    process = subprocess.Popen(command, env=os.environ | environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed with {process.returncode}.")
    return Measured(time.perf_counter() - start, usage.ru_maxrss / 1024)


def installation(folder: Path) -> dict[str, str]:
    """Make a folder for a new installation, and return its settings."""
    (folder / "dagster").mkdir(parents=True)
    shutil.copy(ROOT / "dagster.yaml", folder / "dagster")
    return {"CRM_HOME": str(folder / "home"), "DAGSTER_HOME": str(folder / "dagster")}


def main() -> None:
    """Measure script and graph, and write a table into README.md."""
    runs: dict[str, list[Measured]] = {name: [] for name in (PLAIN, FIRST, LATER)}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(TURNS):
            home = installation(Path(folder) / f"graph{turn}")
            plain = [sys.executable, "-m", "benchmarks.plain_script", f"{folder}/plain{turn}"]
            runs[PLAIN].append(measure(plain, {}))
            for name in (FIRST, LATER):
                runs[name].append(measure([sys.executable, "-m", "crm_assets"], home))
        checks, steps = seconds_of_checks(home["DAGSTER_HOME"])
    medians = {name: sorted(found, key=lambda m: m.seconds)[TURNS // 2] for name, found in runs.items()}
    lines = ["| what | seconds | against the script | peak MB |", "| --- | --- | --- | --- |"]
    for name, run in medians.items():
        ratio = run.seconds / medians[PLAIN].seconds
        lines.append(f"| {name} | {run.seconds:.1f} | {ratio:.2f} | {run.megabytes:,.0f} |")
    lines += [
        "",
        f"Later run: {checks:.1f} s in asset checks, including the import of great-expectations, and "
        f"{steps:.1f} s in assets.",
    ]
    print("\n".join(lines))
    write_section("graph", "\n".join(lines), GRAPH)


def seconds_of_checks(dagster_home: str) -> tuple[float, float]:
    """Return the seconds that steps of checks, and steps of assets, take in the newest run."""
    from crm_assets.definitions import defs

    assets = {key.to_user_string() for key in defs.resolve_all_asset_keys()}
    sums = {True: 0.0, False: 0.0}
    with dg.DagsterInstance.from_config(dagster_home) as instance:
        run = instance.get_runs(limit=1)[0]
        for step in instance.get_run_step_stats(run.run_id):
            sums[step.step_key in assets] += (step.end_time or 0) - (step.start_time or 0)
    return sums[False], sums[True]


if __name__ == "__main__":
    main()

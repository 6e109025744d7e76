"""`python -m benchmarks.startup`: measure how long the graph and its first step take to start.

It compares steps in one process with steps in processes of their own. It uses the data that the settings
choose, as the graph does.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg

from benchmarks.report import GRAPH, write_section
from benchmarks.whole_graph import installation, measure
from crm_assets.console.probe import grpc_health
from dev.stack.place import free_ports

RUNS = 5
LOCATION = "import crm_assets.definitions"


def main() -> None:
    """Measure everything, and write two tables into README.md."""
    bare = middle(lambda: python("import dagster"))
    rows = {
        "`import dagster`": bare,
        "`import crm_assets.definitions`": middle(lambda: python(LOCATION)),
        "code location, until it serves": middle(code_location),
    }
    with tempfile.TemporaryDirectory() as folder:
        first, whole = in_process(Path(folder) / "one")
        rows["`make run`, until its first step"] = first
        own = measure(*run(Path(folder) / "many", CRM_EXECUTOR="multiprocess")).seconds
    lines = ["| what | seconds | against `import dagster` |", "| --- | --- | --- |"]
    lines += [f"| {name} | {seconds:.1f} | {seconds / bare:.1f} |" for name, seconds in rows.items()]
    lines += ["", "| the whole graph, its steps | seconds | ratio |", "| --- | --- | --- |"]
    lines += [f"| in the process of the run | {whole:.1f} | 1.0 |"]
    lines += [f"| in processes of their own | {own:.1f} | {own / whole:.1f} |"]
    print("\n".join(lines))
    write_section("startup", "\n".join(lines), GRAPH)


def middle(measured: Callable[[], float]) -> float:
    """Return the median of some runs."""
    return statistics.median(measured() for _ in range(RUNS))


def python(code: str) -> float:
    """Return the seconds that a Python process with this code takes."""
    return measure([sys.executable, "-c", code], {}).seconds


def code_location() -> float:
    """Return the seconds until a code location says that it is serving."""
    port = next(iter(free_ports("startup")))
    command = ["dagster", "api", "grpc", "--host=127.0.0.1", f"--port={port}", "-m", "crm_assets.definitions"]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while grpc_health(f"127.0.0.1:{port}"):
            time.sleep(0.02)
        seconds = time.perf_counter() - start
        # If interrupts are ignored, for example in a background job, Dagster ignores SIGTERM too.
        process.kill()
    return seconds


def run(folder: Path, **settings: str) -> tuple[list[str], dict[str, str]]:
    """Return the command and the environment of a first run of everything."""
    return [sys.executable, "-m", "crm_assets"], installation(folder) | settings


def in_process(folder: Path) -> tuple[float, float]:
    """Return the seconds from the start of the process to the first step, and to the end."""
    command, environment = run(folder)
    start = time.time()
    whole = measure(command, environment).seconds
    with dg.DagsterInstance.from_config(environment["DAGSTER_HOME"]) as instance:
        newest = instance.get_runs(limit=1)[0]
        steps = instance.get_run_step_stats(newest.run_id)
    return min(step.start_time or start for step in steps) - start, whole


if __name__ == "__main__":
    main()

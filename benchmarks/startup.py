"""`python -m benchmarks.startup`: until the graph is there, until its first step, and where steps run.

Takes the data that the settings choose, as the graph does.
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
    """Measure all of it, and write two tables into README.md."""
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
    """The median of some runs."""
    return statistics.median(measured() for _ in range(RUNS))


def python(code: str) -> float:
    """Seconds that a Python process with this code takes."""
    return measure([sys.executable, "-c", code], {}).seconds


def code_location() -> float:
    """Seconds until a code location says that it is serving."""
    port = next(iter(free_ports("startup")))
    command = ["dagster", "api", "grpc", "--host=127.0.0.1", f"--port={port}", "-m", "crm_assets.definitions"]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while grpc_health(f"127.0.0.1:{port}"):
            time.sleep(0.02)
        seconds = time.perf_counter() - start
        # Where interrupts are ignored, as in a background job, Dagster ignores termination as well.
        process.kill()
    return seconds


def run(folder: Path, **settings: str) -> tuple[list[str], dict[str, str]]:
    """The command and the environment of a first run of everything."""
    return [sys.executable, "-m", "crm_assets"], installation(folder) | settings


def in_process(folder: Path) -> tuple[float, float]:
    """Seconds from the start of the process until the first step starts, and until the end."""
    command, environment = run(folder)
    start = time.time()
    whole = measure(command, environment).seconds
    with dg.DagsterInstance.from_config(environment["DAGSTER_HOME"]) as instance:
        newest = instance.get_runs(limit=1)[0]
        steps = instance.get_run_step_stats(newest.run_id)
    return min(step.start_time or start for step in steps) - start, whole


if __name__ == "__main__":
    main()

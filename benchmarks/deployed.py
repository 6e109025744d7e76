"""`python -m benchmarks.deployed`: measure the stack's idle services, and the graph on S3 and on a folder.

It uses the data that the settings choose, as the graph does.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.whole_graph import Measured, installation, measure
from dev.stack.stack import SERVICES, Stack

RUNS = 3
IDLE_SECONDS = 20


def main() -> None:
    """Measure both and print two tables."""
    # The database runs as its own user, who needs access to its folder.
    folder = Path(tempfile.mkdtemp(prefix="crm-stack-"))
    folder.chmod(0o711)
    start = time.perf_counter()
    stack = Stack.start(folder / "stack")
    try:
        print_services(stack, time.perf_counter() - start)
        print_stores(stack, folder)
    finally:
        stack.stop()
        shutil.rmtree(folder)


def print_services(stack: Stack, seconds: float) -> None:
    """Print a row per service: the seconds until it was healthy, and its memory when idle."""
    time.sleep(IDLE_SECONDS)
    print("| service | healthy after s | idle MB |\n| --- | --- | --- |")
    memory = {name: stack.memory(name) / 1e6 for name in SERVICES}
    for name in SERVICES:
        print(f"| {name} | {stack.seconds[name]:.1f} | {memory[name]:,.0f} |")
    print(f"| all | {seconds:.1f} | {sum(memory.values()):,.0f} |\n")


def print_stores(stack: Stack, folder: Path) -> None:
    """Run the whole graph with its tables in a folder and in the bucket, in turns, and print both."""
    bucket = {k: v for k, v in stack.environment().items() if k.startswith(("AWS_", "CRM_S3_"))}
    stores = {"folder": {"CRM_STORAGE": "local"}, "bucket": {"CRM_STORAGE": "s3"} | bucket}
    runs: dict[str, list[Measured]] = {name: [] for name in stores}
    for turn in range(RUNS):
        for name, settings in stores.items():
            runs[name].append(run_graph(folder / f"{name}-{turn}", settings))
    base = statistics.median(run.seconds for run in runs["folder"])
    print("\n| tables in | seconds | against the folder | peak MB |\n| --- | --- | --- | --- |")
    for name, measured in runs.items():
        middle = statistics.median(run.seconds for run in measured)
        peak = max(run.megabytes for run in measured)
        print(f"| {name} | {middle:.1f} | {middle / base:.2f} | {peak:,.0f} |")


def run_graph(folder: Path, settings: dict[str, str]) -> Measured:
    """Measure a first run of everything."""
    return measure([sys.executable, "-m", "crm_assets"], installation(folder) | settings)


if __name__ == "__main__":
    main()

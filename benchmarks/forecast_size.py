"""`python -m benchmarks.forecast_size [OPPORTUNITIES ...]`: horizons and forecast of one month, by size.

Makes the snapshot of the synthetic sample's last month, and measures in one process per size what a run does
for that month: the chances of all horizons with their calibration, then `revenue_forecast`, which shares the
fits of past months with them. Writes CPU seconds and peak memory into README.md.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import ibis

from benchmarks.hazard import FEATURES, make
from benchmarks.report import MODELS, write_section
from crm_assets.modeling.calibration_row import inner
from crm_assets.modeling.forecast import expected_values, revenue_forecast
from crm_assets.modeling.frames import coded
from crm_assets.modeling.outlook.history import History, needed
from crm_assets.modeling.outlook.walk import Walk, reach

OPPORTUNITIES = (8_800, 88_000, 880_000)


def measure(path: Path) -> None:
    """Print a line of the table; the process does nothing else."""
    snapshot = ibis.read_parquet(path)
    values = expected_values(snapshot).to_pyarrow().to_pandas()
    frame = coded(needed(snapshot).to_pyarrow())
    month = str(frame["snapshot_month"].iloc[0])
    memo: dict[object, object] = {}
    start = time.process_time()
    walk = Walk(History.of(frame, month), FEATURES, memo)
    deals = walk.history.deals.loc[walk.history.open_at(month), ["opportunity_id"]]
    first = deals.assign(probability=inner(walk.chances(month)[:, 0]))
    predictions = first.merge(reach(walk, first)).merge(values)
    horizons = time.process_time() - start
    forecast = revenue_forecast(predictions, frame, month, FEATURES, memo)
    took = time.process_time() - start - horizons
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    counts = f"{len(frame):,} | {len(predictions):,} | {len(forecast):,}"
    print(f"| {counts} | {horizons:.1f} | {took:.1f} | {peak:,.0f} |")


def main(sizes: list[str]) -> None:
    """Measure each size in a process of its own, and write the table."""
    heads = ("engaged deals", "open", "rows of the forecast", "horizons, CPU s", "forecast, CPU s", "peak MB")
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    with tempfile.TemporaryDirectory() as temporary:
        for size in sizes:
            file = Path(temporary) / f"{size}.parquet"
            make(file, int(size))
            command = [sys.executable, "-m", "benchmarks.forecast_size", "--measure", str(file)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            lines.append(done.stdout.strip())
    text = "\n".join(lines)
    print(text)
    write_section("forecast size", text, MODELS)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(Path(sys.argv[2]))
    else:
        main(sys.argv[1:] or [str(size) for size in OPPORTUNITIES])

"""`python -m benchmarks.hazard [OPPORTUNITIES]`: fit closing_hazard on one snapshot, and score all its deals.

Writes the CPU seconds and the peak memory of the process into README.md; making the snapshot does not count.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import ibis
import numpy as np
import pyarrow.parquet as pq

from benchmarks.report import MODELS, write_section
from crm_assets.crm import cleaning
from crm_assets.crm.schema import RAW_TABLES
from crm_assets.crm.snapshots import month_rows, snapshots
from crm_assets.modeling.algorithms import algorithm
from crm_assets.modeling.frames import coded
from crm_assets.modeling.hazard.observed import day_numbers, last_day
from crm_assets.settings import get_settings
from crm_assets.sources.sample import SyntheticSample

OPPORTUNITIES = 880_000
FEATURES = ["product", "sales_agent", "days_open", "month_of_quarter"]
ROW = algorithm("closing_hazard")


def make(path: Path, opportunities: int) -> None:
    """Write the last snapshot of a synthetic sample."""
    source = SyntheticSample(opportunities, get_settings().sample_seed)
    raw = {table.name: ibis.memtable(source.read(table)) for table in RAW_TABLES}
    deals = cleaning.opportunities(raw, source.month_range().first)
    month = source.month_range().last
    pq.write_table(snapshots(deals, ibis.memtable(month_rows([month]))).to_pyarrow(), path)


def measure(path: Path) -> None:
    """Fit, score and explain, and print a table; the process does nothing else."""
    start = time.process_time()
    snapshot = coded(pq.read_table(path, columns=list(ROW.snapshot_columns)))
    fitted = ROW.build(FEATURES, 0).fit(snapshot)
    fit = time.process_time() - start
    month = str(snapshot["snapshot_month"].iloc[0])
    engaged = snapshot[snapshot["engage_date"].notna()]
    # Score every deal as if it were open: more than there are.
    deals = engaged[["snapshot_month", "sales_agent", "product"]].assign(
        days_open=last_day(month) - day_numbers(engaged["engage_date"]), month_of_quarter=1
    )
    start = time.process_time()
    chances = fitted.won_within(ROW.matrix(deals, FEATURES), [1, 2, 3, None])
    score = time.process_time() - start
    if not (np.diff(chances, axis=1) >= 0).all():
        raise ValueError("A chance falls with the horizon.")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print("| deals | fit, CPU s | score at four horizons, CPU s | peak MB |\n| --- | --- | --- | --- |")
    print(f"| {len(deals):,} | {fit:.1f} | {score:.1f} | {peak:,.0f} |")


if __name__ == "__main__":
    if len(sys.argv) > 2:
        measure(Path(sys.argv[2]))
    else:
        many = sys.argv[1] if len(sys.argv) > 1 else str(OPPORTUNITIES)
        with tempfile.TemporaryDirectory() as temporary:
            file = Path(temporary) / "snapshot.parquet"
            make(file, int(many))
            command = [sys.executable, "-m", "benchmarks.hazard", many, str(file)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
        print(done.stdout)
        write_section("hazard", done.stdout.strip(), MODELS)

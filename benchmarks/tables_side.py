"""Run one side of `benchmarks.tables` in its own process.

`python -m benchmarks.tables_side SIDE STAGE DEALS OUT RESULT MONTH...` makes one table of some months
and writes its seconds, without imports, into RESULT.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from crm_assets.crm.features import monthly_features
from crm_assets.crm.snapshots import monthly_snapshots
from crm_assets.crm.tables import MONTHLY_SNAPSHOTS, WIN_FEATURES
from crm_assets.sources.sample import LAST_DAY
from crm_assets.storage.folder import Folder
from crm_assets.storage.tables import TableStore

HORIZON = f"{LAST_DAY:%Y-%m}"
SNAPSHOTS, FEATURES = "snapshots", "features"


def in_engine(engine: str, stage: str, deals: Path, out: Path, months: list[str]) -> Callable[[], None]:
    """Return a function that makes the project's tables; the engine is already open, so it is not timed."""
    store = TableStore(Folder(out), "4GB", engine, out / "scratch")
    opportunities = store.engine.read_parquet([str(deals / "opportunities.parquet")])
    if engine != "duckdb":
        opportunities.limit(1).to_pyarrow()

    def run() -> None:
        if stage == SNAPSHOTS:
            table, query = MONTHLY_SNAPSHOTS, monthly_snapshots(opportunities, months)
        else:
            table, query = WIN_FEATURES, monthly_features(opportunities, months, HORIZON)
        list(store.write_months(table.name, query, table.arrow))

    return run


def in_frames(side: str, stage: str, deals: Path, out: Path, months: list[str]) -> Callable[[], None]:
    """Return a function that makes the same tables in pandas or Polars."""
    if side == "pandas":
        from benchmarks import tables_in_pandas as frames
    else:
        from benchmarks import tables_in_polars as frames
    if stage == SNAPSHOTS:
        return lambda: frames.snapshots(deals, months, out)
    return lambda: frames.features(deals, months, out, HORIZON)


def main(side: str, stage: str, deals: str, out: str, result: str, *months: str) -> None:
    """Make one table, and write how long it took."""
    make = in_engine if side in ("duckdb", "pyspark") else in_frames
    run = make(side, stage, Path(deals), Path(out), list(months))
    start = time.perf_counter()
    run()
    seconds = time.perf_counter() - start
    Path(result).write_text(json.dumps({"seconds": seconds, "megabytes": peak_megabytes()}))


def peak_megabytes() -> float:
    """Return the peak memory of this process; `getrusage` would include that of the parent process."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


if __name__ == "__main__":
    main(*sys.argv[1:])

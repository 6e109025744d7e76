"""`python -m benchmarks.training [OPPORTUNITIES ...]`: measure the full training on the sample, by size.

It writes its table into README.md. Each part runs in its own process, on two cores, so that its peak memory
can be measured. All times are also given as a ratio to the time of XGBoost.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from benchmarks.report import MODELS, write_section
from benchmarks.whole_graph import Measured, measure
from crm_assets.crm.horizon import horizon
from crm_assets.modeling.algorithms import ALGORITHMS, algorithm
from crm_assets.modeling.training_rows import training_rows
from crm_assets.settings import get_settings
from crm_assets.storage.folder import Folder
from crm_assets.storage.tables import TableStore

SIZES = (8_800, 88_000, 880_000)
NAMES = [row.name for row in ALGORITHMS]
PARTS = ["leak_audit", *NAMES, "champion"]


def part(name: str, folder: Path) -> None:
    """Do the work of one asset, from stored tables to stored result."""
    from benchmarks.plain_script import snapshots_of
    from crm_assets.crm.frames import Frames
    from crm_assets.modeling import backtest, champion, folds, frames, leak_audit
    from crm_assets.modeling.frames import compact
    from crm_assets.registry.past import write_past

    settings = get_settings()
    store = TableStore(Folder(folder))
    rows = training_rows(store.path("training_set"))
    if name == "leak_audit":
        deals = store.read("opportunities")
        last = horizon(deals, settings.last_month)
        known = frames.read_coded(
            deals.select([name for name in leak_audit.DEAL_COLUMNS if name in deals.columns])
        )
        split = folds.split_months(rows.months, settings.min_training_months, settings.test_months)
        audit = leak_audit.leak_audit(rows, known, last, validation=split.validation, seed=settings.seed)
        audit.to_parquet(folder / "audit.parquet")
        return
    used = leak_audit.admissible_features(pd.read_parquet(folder / "audit.parquet"))
    split = folds.split_months(rows.months, settings.min_training_months, settings.test_months)
    known_at = snapshots_of(store)
    if name == "champion":
        backtests = Frames(NAMES, lambda name: compact(pq.read_table(folder / f"{name}.parquet")))
        chosen = champion.candidate(rows, used, backtests, split, settings.seed, None, known_at)
        write_past(chosen, folder)
        columns = ["contender", "chosen", "validation_roc_auc", "test_roc_auc", "test_brier", "test_ece"]
        print(chosen.leaderboard[columns].round(4).to_string(index=False), flush=True)
        return
    scores = backtest.walk_forward(algorithm(name), rows, used, split.scored, settings.seed, None, known_at)
    scores.to_parquet(folder / f"{name}.parquet")


def measured_part(name: str, folder: Path, opportunities: int) -> Measured:
    """Measure a part in its own process."""
    command = [sys.executable, "-m", "benchmarks.training", "--part", name, str(folder)]
    found = measure(command, {"CRM_SOURCE": "sample", "CRM_SAMPLE_OPPORTUNITIES": str(opportunities)})
    print(f"{opportunities:,} {name}: {found.seconds:.1f} s, {found.megabytes:,.0f} MB", flush=True)
    return found


def main(sizes: list[int]) -> None:
    """Measure all sizes, and write a table into README.md."""
    lines = [
        "| opportunities | part | seconds | against xgboost | peak MB |",
        "| --- | --- | --- | --- | --- |",
    ]
    for opportunities in sizes:
        with tempfile.TemporaryDirectory() as folder:
            found = {name: measured_part(name, Path(folder), opportunities) for name in ["tables", *PARTS]}
        base = found["xgboost"].seconds
        training = [found[name] for name in PARTS]
        found["training in all"] = Measured(
            sum(one.seconds for one in training), max(one.megabytes for one in training)
        )
        lines += [
            f"| {opportunities:,} | {name} | {m.seconds:.1f} | {m.seconds / base:.2f} | {m.megabytes:,.0f} |"
            for name, m in found.items()
        ]
    write_section("training", "\n".join(lines), MODELS)


def _run_part(name: str, folder: Path) -> None:
    from benchmarks.plain_script import make_tables

    if name == "tables":
        make_tables(TableStore(Folder(folder)))
    else:
        part(name, folder)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--part"]:
        _run_part(sys.argv[2], Path(sys.argv[3]))
    else:
        main([int(size) for size in sys.argv[1:]] or list(SIZES))

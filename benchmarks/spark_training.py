"""`python -m benchmarks.spark_training [OPPORTUNITIES ...]`: train XGBoost on this machine and on Spark.

It writes its table into README.md: the walk-forward scores of both, compared deal by deal. One worker must
give the same table. Two workers share out the rows, and each draws its part of them for a tree by itself.
"""

from __future__ import annotations

import dataclasses
import os
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from benchmarks.plain_script import make_tables
from benchmarks.report import MODELS, write_section
from crm_assets.crm.feature_table import FEATURE_NAMES
from crm_assets.engine.choice import open_spark
from crm_assets.modeling.algorithm import Algorithm
from crm_assets.modeling.algorithms import algorithm
from crm_assets.modeling.backtest import walk_forward
from crm_assets.modeling.folds import FoldModels, split_months
from crm_assets.modeling.metrics import pooled
from crm_assets.modeling.training_rows import training_rows
from crm_assets.settings import get_settings
from crm_assets.storage.folder import Folder
from crm_assets.storage.tables import TableStore

SIZES = (8_800, 88_000)
XGBOOST = algorithm("xgboost")


def compare(folder: Path, opportunities: int) -> list[str]:
    """Return the rows of the table for one size of the sample."""
    os.environ |= {"CRM_SOURCE": "sample", "CRM_SAMPLE_OPPORTUNITIES": str(opportunities)}
    get_settings.cache_clear()
    settings, store = get_settings(), TableStore(Folder(folder))
    make_tables(store)
    rows = training_rows(store.path("training_set"))
    split = split_months(rows.months, settings.min_training_months, settings.test_months)
    spark = open_spark(folder / "scratch")
    halves = dataclasses.replace(XGBOOST, max_training_rows=len(rows) // 2 + 1)
    lines, first = [], pd.Series(dtype="float64")
    ways: list[tuple[str, Algorithm, FoldModels]] = [
        ("this machine", XGBOOST, FoldModels()),
        ("Spark, one worker", XGBOOST, FoldModels(spark)),
        ("Spark, two workers in the last months", halves, FoldModels(spark)),
    ]
    for way, row, models in ways:
        start = time.perf_counter()
        scores = walk_forward(row, rows, list(FEATURE_NAMES), split.scored, settings.seed, models)
        seconds = time.perf_counter() - start
        first = first if len(first) else scores["probability"]
        apart = (scores["probability"] - first).abs().max()
        test = pooled(scores, split.test)
        lines.append(
            f"| {opportunities:,} | {len(rows):,} | {way} | {test['roc_auc']:.6f} | {test['brier']:.6f} | "
            f"{apart:.1e} | {seconds:.0f} |"
        )
        print(lines[-1], flush=True)
    return lines


def main(sizes: list[int]) -> None:
    """Compare all sizes, and write a table into README.md."""
    lines = [
        "| opportunities | rows | trained on | test AUC | Brier | largest difference of a score | seconds |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for opportunities in sizes:
        with tempfile.TemporaryDirectory() as folder:
            lines += compare(Path(folder), opportunities)
    write_section("spark training", "\n".join(lines), MODELS)


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or list(SIZES))

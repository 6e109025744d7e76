"""`python -m benchmarks.scoring [ROWS]`: measure rows per second, from feature frame to probability.

It compares with the bare estimator, which gets a ready-made matrix, in the same run. It takes medians of
five, and writes its table into README.md.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import parallel_config
from sklearn.pipeline import Pipeline

from benchmarks.plain_script import make_tables, snapshots_of
from benchmarks.report import MODELS, write_section
from crm_assets.crm.feature_table import FEATURE_NAMES, LABEL
from crm_assets.modeling.algorithm import Algorithm, Estimator
from crm_assets.modeling.algorithms import ALGORITHMS
from crm_assets.modeling.calibration import CalibratedModel, fit_calibrator
from crm_assets.modeling.explanation import explain
from crm_assets.modeling.folds import last_lesson, learn
from crm_assets.modeling.training_rows import training_rows
from crm_assets.storage.folder import Folder
from crm_assets.storage.tables import TableStore

ROWS, FEW, SEED, REPEATS = 300_000, 20_000, 1, 5
HEADER = ("algorithm", "bare estimator", "scikit-learn's pipeline", "our path", "against bare", "explained")


def main(rows: int, folder: Path) -> None:
    """Fit each algorithm on the source in force, score many of its rows, and print a table."""
    store = TableStore(Folder(folder))
    make_tables(store)
    learned = training_rows(store.path("training_set"))
    names = list(FEATURE_NAMES)
    deals = learned.rows(learned.months).sample(rows, replace=True, random_state=SEED, ignore_index=True)
    lines = [f"| {' | '.join(HEADER)} |", f"|{' --- |' * len(HEADER)}"]
    for row in ALGORITHMS:
        pipeline = learn(row, last_lesson(learned, names, SEED, snapshots_of(store)))
        few = deals.head(FEW)
        scores = row.scores(pipeline, row.matrix(few, names))
        calibrator = fit_calibrator(few[[LABEL.name]].assign(probability=scores))
        model = CalibratedModel(pipeline, calibrator, row.name)
        bare, ready = _bare(row, pipeline, deals.head(2 * FEW), names)
        rates = (
            _rate(len(ready), lambda m=bare, z=ready: m.predict_proba(z)),
            _rate(FEW, lambda r=row, m=pipeline, x=few: m.predict_proba(r.matrix(x, names))),
            _rate(rows, lambda r=row, m=model: m.predict_proba(r.matrix(deals, names))),
            _rate(FEW, lambda r=row, m=pipeline, x=few: explain(r, m, x, names)),
        )
        alone, plain, ours, explained = (f"{rate:,.0f}" for rate in rates)
        ratio = f"{rates[2] / rates[0]:.2f}"
        lines.append(f"| {' | '.join((row.name, alone, plain, ours, ratio, explained))} |")
        print(lines[-1], flush=True)
    write_section("scoring", "\n".join(lines), MODELS)


def _bare(row: Algorithm, fitted: Estimator, deals: pd.DataFrame, names: list[str]) -> tuple[Estimator, Any]:
    """Return the last step of a pipeline and its input; an estimator of our own takes the matrix itself."""
    matrix = row.matrix(deals, names)
    if not isinstance(fitted, Pipeline):
        return fitted, matrix
    return fitted[-1], np.asarray(fitted[:-1].transform(matrix))


def _rate(rows: int, run: Callable[[], object]) -> float:
    """Return rows per second, the median of some runs."""
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        with parallel_config(backend="threading", n_jobs=-1):
            run()
        seconds.append(time.perf_counter() - start)
    return rows / statistics.median(seconds)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS, Path(temporary))

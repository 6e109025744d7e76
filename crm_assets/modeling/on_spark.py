"""Learning on Spark: the driver encodes the training set month by month, the workers fit the model.

The fitted pipeline has the types of one that learned on this machine, so that calibration, explanation,
registry and scoring need not know where it learned.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from crm_assets.modeling.algorithm import Algorithm, Estimator, Lesson
from crm_assets.modeling.encoding import by_type

if TYPE_CHECKING:
    from crm_assets.engine.spark import SparkEngine

LABEL, ROW, WORKER = "label", "row", "worker"


def learn_on_spark(algorithm: Algorithm, lesson: Lesson, spark: SparkEngine) -> Estimator:
    """Fit an algorithm on all rows of a lesson.

    A worker trains for each `max_training_rows`, in the order of the rows: what is learned depends on the
    rows and never on the size of the cluster.

    Raises:
        EngineError: Spark failed.
    """
    if algorithm.on_spark is None:
        raise ValueError(f"{algorithm.name} does not learn on Spark.")
    pipeline = algorithm.built(lesson.features, lesson.seed)
    pipeline[:-1].fit(_same_encoding(algorithm, lesson))
    folder = Path(tempfile.mkdtemp(prefix="spark-", dir=spark.existing_scratch()))
    try:
        workers = _write(algorithm, lesson, pipeline[:-1], folder)
        columns = [f"f{number}" for number in range(len(lesson.features))]
        with spark.told_in_a_sentence(f"train {algorithm.name}"):
            rows = spark.parted(folder, workers, WORKER, ROW)
            name, step = pipeline.steps[-1]
            pipeline.steps[-1] = (name, algorithm.on_spark(step, rows, columns, LABEL))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return pipeline


def _same_encoding(algorithm: Algorithm, lesson: Lesson) -> pd.DataFrame:
    """Return few rows on which an encoder learns the same as on all rows: medians and categories.

    Memory holds one column of all rows, or one month.
    """
    categories, numbers = by_type(lesson.features)
    found: dict[str, set[str]] = {name: set() for name in categories}
    for month in lesson.months:
        matrix = algorithm.matrix(lesson.rows.rows([month], categories), categories)
        for name in categories:
            found[name] |= set(matrix[name].cat.categories[matrix[name].cat.codes.unique()])
    longest = max((len(values) for values in found.values()), default=1)
    columns: dict[str, object] = {}
    for name in lesson.features:
        if name in numbers:
            values = algorithm.matrix(lesson.rows.rows(lesson.months, [name]), [name])[name].to_numpy()
            columns[name] = np.full(longest, np.median(values[~np.isnan(values)]) if _any(values) else np.nan)
        else:
            known = sorted(found[name])
            columns[name] = pd.Categorical(known + known[:1] * (longest - len(known)), categories=known)
    return pd.DataFrame(columns)


def _any(values: np.ndarray) -> bool:
    return not bool(np.isnan(values).all())


def _write(algorithm: Algorithm, lesson: Lesson, encoder: Estimator, folder: Path) -> int:
    """Write the encoded rows, a file for each month, and return for how many workers."""
    total = sum(lesson.rows.deals[month] for month in lesson.months)
    workers = -(-total // algorithm.max_training_rows)
    written = 0
    for month in lesson.months:
        table = lesson.rows.rows([month])
        encoded = np.asarray(encoder.transform(algorithm.matrix(table, lesson.features)), dtype="float64")
        place = np.arange(written, written + len(table))
        columns = {f"f{number}": encoded[:, number] for number in range(encoded.shape[1])}
        columns |= {ROW: place, WORKER: place * workers // total}
        columns[LABEL] = table[lesson.rows.target.name].to_numpy(dtype="int64")
        pq.write_table(pa.table(columns), folder / f"{month}.parquet")
        written += len(table)
    return workers

"""A version's walk-forward predictions with their explanations, written and read month by month."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from crm_assets.crm.frames import Frames
from crm_assets.crm.tables import WIN_PREDICTIONS
from crm_assets.modeling.champion import Candidate
from crm_assets.modeling.explanation import PUSHED_DOWN, PUSHED_UP
from crm_assets.modeling.frames import compact
from crm_assets.modeling.training_rows import DEAL, MONTH

WALK_FORWARD_FILE = "walk_forward.parquet"
ROWS_PER_GROUP = 100_000


def write_past(candidate: Candidate, folder: Path) -> Path:
    """Write a candidate's walk-forward into a folder, one month in memory at a time; return the file."""
    known = WIN_PREDICTIONS.arrow
    schema = pa.schema(
        [
            *(known.field(name) for name in (MONTH, DEAL)),
            pa.field(candidate.target.name, pa.int64()),
            pa.field("probability", pa.float64()),
            pa.field("score", pa.float64()),
            *(known.field(name) for name in (PUSHED_UP, PUSHED_DOWN)),
        ]
    )
    path = folder / WALK_FORWARD_FILE
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for frame in candidate.explained.values():
            rows = pa.Table.from_pandas(frame[schema.names], schema, preserve_index=False)
            writer.write_table(rows, row_group_size=ROWS_PER_GROUP)
    return path


def read_past(folder: TemporaryDirectory[str], file: Path) -> Mapping[str, pd.DataFrame]:
    """Return the walk-forward of a file by month, each month read when it is asked for.

    Args:
        folder: the file's folder, which exists as long as the result is in use.
        file: the file.
    """
    months = pq.read_table(file, columns=[MONTH])[MONTH].unique().to_pylist()

    # The folder is deleted with its last reference, so this function keeps one.
    def read(month: str, _: TemporaryDirectory[str] = folder) -> pd.DataFrame:
        return compact(pq.read_table(file, filters=[(MONTH, "=", month)]))

    return Frames(sorted(months), read)

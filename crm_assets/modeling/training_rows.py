"""The training set by month: few rows are held in memory, of many a month is read when it is asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from crm_assets.crm.feature_table import LABEL
from crm_assets.crm.tables import OPPORTUNITY_ID, SNAPSHOT_MONTH
from crm_assets.modeling.sampling import drawn, share_of_month, training_sample

MONTH, DEAL = SNAPSHOT_MONTH.name, OPPORTUNITY_ID.name

# Some 250 MB as a data frame.
ROWS_HELD = 500_000


class TrainingRows(ABC):
    """Labelled rows of `win_features`, sorted by month and deal.

    Attributes:
        columns: what each row has.
        deals: how many rows each month has, in order of the months.
        wins: how many of them are won.
    """

    columns: list[str]
    deals: dict[str, int]
    wins: dict[str, int]

    @property
    def months(self) -> list[str]:
        """The months that have rows, in order."""
        return list(self.deals)

    def __len__(self) -> int:
        """The number of rows."""
        return sum(self.deals.values())

    @abstractmethod
    def rows(self, months: list[str]) -> pd.DataFrame:
        """All rows of some months, in order."""

    def head(self, most: int = 100) -> pd.DataFrame:
        """The first rows."""
        return self.rows(self.months[:1]).head(most)

    @abstractmethod
    def sample(self, months: list[str], max_rows: int, seed: int) -> pd.DataFrame:
        """What `sampling.training_sample` takes of the rows of some months."""

    @abstractmethod
    def __getitem__(self, column: str) -> pd.Series:
        """One column of all rows, in order."""

    def get(self, column: str) -> pd.Series | None:
        """One column, or None where there is none."""
        return self[column] if column in self.columns else None


class HeldRows(TrainingRows):
    """Rows in memory."""

    def __init__(self, table: pd.DataFrame) -> None:
        self.table, self.columns = table, table.columns.tolist()
        by_month = table.groupby(MONTH, sort=True)[LABEL.name]
        self.deals = {str(month): int(count) for month, count in by_month.size().items()}
        self.wins = {str(month): int(count) for month, count in by_month.sum().items()}

    def rows(self, months: list[str]) -> pd.DataFrame:
        """All rows of some months."""
        return self.table[self.table[MONTH].isin(months)]

    def sample(self, months: list[str], max_rows: int, seed: int) -> pd.DataFrame:
        """The training sample of some months."""
        return training_sample(self.rows(months), max_rows, seed)

    def __getitem__(self, column: str) -> pd.Series:
        """One column."""
        return self.table[column]


class StoredRows(TrainingRows):
    """Rows of a parquet file. Memory holds one month, and the largest sample drawn of each so far."""

    def __init__(self, path: Path) -> None:
        # Open to the end: where another run puts a new file in its place, this one goes on with its own.
        self._file = pa.OSFile(str(path))
        self.columns = pq.read_schema(self._file).names
        self._samples: dict[tuple[str, int], pa.Table] = {}
        labels = pq.read_table(self._file, columns=[MONTH, LABEL.name])
        tallies = labels.group_by(MONTH).aggregate([(LABEL.name, "count"), (LABEL.name, "sum")])
        found = tallies.sort_by(MONTH).to_pylist()
        self.deals = {tally[MONTH]: tally[f"{LABEL.name}_count"] for tally in found}
        self.wins = {tally[MONTH]: tally[f"{LABEL.name}_sum"] for tally in found}

    def rows(self, months: list[str]) -> pd.DataFrame:
        """All rows of some months."""
        return self._read(months).to_pandas()

    def sample(self, months: list[str], max_rows: int, seed: int) -> pd.DataFrame:
        """The training sample of some months."""
        share = share_of_month([self.deals[month] for month in months], max_rows)
        return pa.concat_tables(self._sample(month, share, seed) for month in months).to_pandas()

    def _sample(self, month: str, share: int, seed: int) -> pa.Table:
        held = self._samples.get((month, seed))
        if held is None or held.num_rows < min(share, self.deals[month]):
            held = self._samples[month, seed] = _drawn(self._read([month]), month, share, seed)
        # Later months leave a smaller share to each: a part of what was drawn before.
        return _drawn(held, month, share, seed)

    def _read(self, months: list[str]) -> pa.Table:
        return pq.read_table(self._file, filters=[(MONTH, "in", months)])

    def __getitem__(self, column: str) -> pd.Series:
        """One column."""
        return pq.read_table(self._file, columns=[column])[column].to_pandas()


def training_rows(path: Path) -> TrainingRows:
    """The rows of a stored training set: held where they are few."""
    if pq.read_metadata(path).num_rows <= ROWS_HELD:
        return HeldRows(pq.read_table(path).to_pandas())
    return StoredRows(path)


def _drawn(rows: pa.Table, month: str, share: int, seed: int) -> pa.Table:
    if rows.num_rows <= share:
        return rows
    return rows.take(drawn(rows[DEAL].to_numpy(), month, share, seed))

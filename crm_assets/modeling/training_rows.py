"""The training set by month: it stays in memory when small and is read month by month when large."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from crm_assets.crm.tables import OPPORTUNITY_ID, SNAPSHOT_MONTH
from crm_assets.crm.targets import DEFAULT_TARGET, Target
from crm_assets.modeling.sampling import drawn, share_of_month, training_sample

MONTH, DEAL = SNAPSHOT_MONTH.name, OPPORTUNITY_ID.name
KEYS = [MONTH, DEAL]

# About 250 MB as a data frame.
ROWS_HELD = 500_000
HASHED_AT_A_TIME = 1 << 20


class TrainingRows(ABC):
    """Labeled rows of `win_features`, sorted by month and deal.

    Attributes:
        target: the target to learn; its label is 0 or 1 in every row.
        columns: the column names.
        deals: number of rows by month, months in order.
        wins: number of rows by month whose label is 1.
    """

    target: Target
    columns: list[str]
    deals: dict[str, int]
    wins: dict[str, int]

    @property
    def months(self) -> list[str]:
        """The months that have rows, in order."""
        return list(self.deals)

    @property
    def horizon(self) -> str:
        """The month at the end of which the labels of all rows are known."""
        return self.target.last_month(max(self.months))

    def labeled(self, as_of: str) -> list[str]:
        """Return the months whose labels are known at the end of a month, in order."""
        return self.target.labeled(self.months, as_of)

    def __len__(self) -> int:
        """Return the number of rows."""
        return sum(self.deals.values())

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """16 hex digits that identify the training set."""

    @abstractmethod
    def rows(self, months: list[str], columns: list[str] | None = None) -> pd.DataFrame:
        """Return all rows of some months, in order; all columns by default."""

    def head(self, most: int = 100) -> pd.DataFrame:
        """Return the first rows."""
        return self.rows(self.months[:1]).head(most)

    @abstractmethod
    def sample(self, months: list[str], max_rows: int, seed: int) -> pd.DataFrame:
        """Return the `sampling.training_sample` of the rows of some months."""

    @abstractmethod
    def __getitem__(self, column: str) -> pd.Series:
        """Return one column of all rows, in order."""

    def get(self, column: str) -> pd.Series | None:
        """Return one column, or None if it does not exist."""
        return self[column] if column in self.columns else None


class HeldRows(TrainingRows):
    """Rows in memory."""

    def __init__(
        self, table: pd.DataFrame, target: Target = DEFAULT_TARGET, fingerprint: str | None = None
    ) -> None:
        self.table, self.columns, self.target = table, table.columns.tolist(), target
        self._known = fingerprint
        by_month = table.groupby(MONTH, sort=True)[target.name]
        self.deals = {str(month): int(count) for month, count in by_month.size().items()}
        self.wins = {str(month): int(count) for month, count in by_month.sum().items()}

    @cached_property
    def fingerprint(self) -> str:
        """The hash of the file that the rows are from, or of their values."""
        if self._known is not None:
            return self._known
        values = pd.util.hash_pandas_object(self.table, index=False).to_numpy()
        return hashlib.sha256(values.tobytes()).hexdigest()[:16]

    def rows(self, months: list[str], columns: list[str] | None = None) -> pd.DataFrame:
        """Return all rows of some months."""
        chosen = self.table[MONTH].isin(months)
        return self.table[chosen] if columns is None else self.table.loc[chosen, columns]

    def sample(self, months: list[str], max_rows: int, seed: int) -> pd.DataFrame:
        """Return the training sample of some months."""
        return training_sample(self.rows(months), max_rows, seed)

    def __getitem__(self, column: str) -> pd.Series:
        """Return one column."""
        return self.table[column]


class StoredRows(TrainingRows):
    """Rows of a parquet file. Memory holds one month, and the largest sample so far of each month."""

    def __init__(self, path: Path, target: Target = DEFAULT_TARGET) -> None:
        # Keep the file open, so that this run reads one version even if another run replaces it.
        self._file = pa.OSFile(str(path))
        self.columns, self.target = pq.read_schema(self._file).names, target
        self._samples: dict[tuple[str, int], pa.Table] = {}
        labels = pq.read_table(self._file, columns=[MONTH, target.name])
        tallies = labels.group_by(MONTH).aggregate([(target.name, "count"), (target.name, "sum")])
        found = tallies.sort_by(MONTH).to_pylist()
        self.deals = {tally[MONTH]: tally[f"{target.name}_count"] for tally in found}
        self.wins = {tally[MONTH]: tally[f"{target.name}_sum"] for tally in found}

    @cached_property
    def fingerprint(self) -> str:
        """The hash of the file's bytes."""
        return _fingerprint(self._file)

    def rows(self, months: list[str], columns: list[str] | None = None) -> pd.DataFrame:
        """Return all rows of some months."""
        return self._read(months, columns).to_pandas()

    def sample(self, months: list[str], max_rows: int, seed: int) -> pd.DataFrame:
        """Return the training sample of some months."""
        share = share_of_month([self.deals[month] for month in months], max_rows)
        return pa.concat_tables(self._sample(month, share, seed) for month in months).to_pandas()

    def _sample(self, month: str, share: int, seed: int) -> pa.Table:
        held = self._samples.get((month, seed))
        if held is None or held.num_rows < min(share, self.deals[month]):
            held = self._samples[month, seed] = _drawn(self._read([month]), month, share, seed)
        # With more months the share of each is smaller, and part of the sample drawn before.
        return _drawn(held, month, share, seed)

    def _read(self, months: list[str], columns: list[str] | None = None) -> pa.Table:
        return pq.read_table(self._file, columns=columns, filters=[(MONTH, "in", months)])

    def __getitem__(self, column: str) -> pd.Series:
        """Return one column."""
        return pq.read_table(self._file, columns=[column])[column].to_pandas()


def training_rows(path: Path, target: Target = DEFAULT_TARGET) -> TrainingRows:
    """Return the rows of a stored training set, in memory if they are few."""
    if pq.read_metadata(path).num_rows > ROWS_HELD:
        return StoredRows(path, target)
    with pa.OSFile(str(path)) as file:
        return HeldRows(pq.read_table(file).to_pandas(), target, _fingerprint(file))


def _fingerprint(file: pa.NativeFile) -> str:
    digest = hashlib.sha256()
    file.seek(0)
    while chunk := file.read(HASHED_AT_A_TIME):
        digest.update(chunk)
    return digest.hexdigest()[:16]


def _drawn(rows: pa.Table, month: str, share: int, seed: int) -> pa.Table:
    if rows.num_rows <= share:
        return rows
    return rows.take(drawn(rows[DEAL].to_numpy(), month, share, seed))

"""The table store: one parquet file per table, or per table and month, each written atomically."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from crm_assets.crm.engine import Engine, open_engine
from crm_assets.crm.order import OutOfOrderError, in_order, without_sort
from crm_assets.errors import StorageError

# Fixed, so that the same rows give the same bytes however the engine hands them over.
ROWS_PER_GROUP = 262_144


class MonthlyTables(dict[str, ir.Table]):
    """Expressions by month, `YYYY-MM`: what a monthly asset returns or takes."""


class MonthlyFrames(dict[str, pd.DataFrame]):
    """Data frames by month, `YYYY-MM`: what a monthly asset returns or takes."""


TableLike = ir.Table | pa.Table | pd.DataFrame


@dataclass(frozen=True)
class TableStore:
    """Parquet tables under a base folder.

    A table without months is `<base>/<name>.parquet`, one with months
    `<base>/<name>/<month>.parquet`.
    """

    base: UPath
    engine_memory: str = "4GB"
    engine_name: str = "duckdb"
    scratch: Path | None = None

    @cached_property
    def engine(self) -> Engine:
        """The engine that runs the expressions of this store; opened when first needed."""
        return open_engine(self.engine_name, self.engine_memory, self.scratch)

    def path(self, name: str, month: str | None = None) -> UPath:
        """Where a table, or one month of it, is kept."""
        return self.base / f"{name}.parquet" if month is None else self.base / name / f"{month}.parquet"

    def months(self, name: str) -> list[str]:
        """The months of a table that are stored, in order."""
        folder = self.base / name
        return sorted(path.stem for path in folder.glob("*.parquet")) if folder.exists() else []

    def schema(self, name: str, month: str | None = None) -> pa.Schema:
        """The columns and types of a stored table, or of one month of it."""
        return self._metadata(name, month).schema.to_arrow_schema()

    def rows(self, name: str, month: str | None = None) -> int:
        """The row count of a stored table, or of one month of it."""
        return self._metadata(name, month).num_rows

    def _metadata(self, name: str, month: str | None) -> pq.FileMetaData:
        path = self.path(name, month)
        if not path.exists():
            raise self._not_there(name, path)
        with path.open("rb") as file:
            return pq.read_metadata(file)

    def _not_there(self, name: str, where: UPath) -> StorageError:
        month = f" for {where.stem}" if where.parent == self.base / name else ""
        return StorageError(f"{where} is not there: materialise {name}{month} first.")

    def has(self, name: str) -> bool:
        """Whether a table, or any month of it, is stored."""
        return self.path(name).exists() or bool(self.months(name))

    def write(self, name: str, table: TableLike, schema: pa.Schema, month: str | None = None) -> int:
        """Store a table, or one month of it, with the types of `schema`; return its row count.

        A crash or an error while writing leaves what was stored before.

        Raises:
            StorageError: the store cannot be written.
        """
        target = self.path(name, month)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                dir=str(target.parent), prefix=".", suffix=".tmp", delete=False
            ) as handle:
                temporary = Path(handle.name)
        except OSError as error:
            raise StorageError(_cannot("write", target, error)) from error
        try:
            rows = self._write_file(table, schema, temporary)
            temporary.chmod(0o644)
            temporary.replace(str(target))
        except OSError as error:
            raise StorageError(_cannot("write", target, error)) from error
        finally:
            temporary.unlink(missing_ok=True)
        return rows

    def read(self, name: str, months: list[str] | None = None) -> ir.Table:
        """A stored table, or some months of it one below the other, as an expression.

        Raises:
            StorageError: the table, or one of the months, is not stored.
        """
        paths = [self.path(name)] if months is None else [self.path(name, month) for month in months]
        missing = [path for path in paths if not path.exists()]
        if missing or not paths:
            raise self._not_there(name, missing[0] if missing else self.base / name)
        return self.engine.read_parquet([str(path) for path in paths])

    def to_pandas(self, table: ir.Table) -> pd.DataFrame:
        """Run an expression of this store into a data frame."""
        return self.engine.to_pyarrow(table).to_pandas()

    def _write_file(self, table: TableLike, schema: pa.Schema, path: Path) -> int:
        if self.engine_name == "duckdb" and isinstance(table, ir.Table) and (known := without_sort(table)):
            unsorted, keys = known
            with suppress(OutOfOrderError):
                return self._write_batches(in_order(self._batches(unsorted, schema), keys), schema, path)
        return self._write_batches(self._batches(table, schema), schema, path)

    def _write_batches(self, batches: Iterator[pa.Table], schema: pa.Schema, path: Path) -> int:
        rows = 0
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            for group in _row_groups(schema, _ahead(batches)):
                writer.write_table(group, row_group_size=ROWS_PER_GROUP)
                rows += group.num_rows
        return rows

    def _batches(self, table: TableLike, schema: pa.Schema) -> Iterator[pa.Table]:
        if isinstance(table, ir.Table):
            for batch in self.engine.to_pyarrow_batches(table, chunk_size=ROWS_PER_GROUP):
                yield pa.Table.from_batches([batch]).cast(schema)
        elif isinstance(table, pd.DataFrame):
            yield pa.Table.from_pandas(table, schema, preserve_index=False).replace_schema_metadata(None)
        else:
            yield table.select(schema.names).cast(schema).replace_schema_metadata(None)


def _ahead(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The same tables, each next one made while one is written."""
    with ThreadPoolExecutor(1) as maker:
        coming = maker.submit(next, tables, None)
        while (table := coming.result()) is not None:
            coming = maker.submit(next, tables, None)
            yield table


def _row_groups(schema: pa.Schema, batches: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Cut batches of any size into tables of `ROWS_PER_GROUP` rows, and a last one."""
    waiting = schema.empty_table()
    for batch in batches:
        waiting = pa.concat_tables([waiting, batch])
        while waiting.num_rows >= ROWS_PER_GROUP:
            # One chunk, since the writer starts a page at each: pages must not tell how rows arrived.
            yield waiting.slice(0, ROWS_PER_GROUP).combine_chunks()
            waiting = waiting.slice(ROWS_PER_GROUP)
    yield waiting.combine_chunks()


def _cannot(verb: str, path: UPath, error: OSError) -> str:
    reason = error.strerror or str(error)
    return f"Cannot {verb} {path}: {reason}; check that the folder exists, is yours and has room."

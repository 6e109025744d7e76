"""The table store: one parquet file per table, or per table and month, written whole or not at all."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path, PurePosixPath
from typing import NoReturn, Protocol

import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from crm_assets.crm.monthly import MonthlyQuery
from crm_assets.crm.schema import as_given
from crm_assets.engine.choice import Engine, open_engine
from crm_assets.engine.order import OutOfOrderError, in_order, without_sort
from crm_assets.errors import StorageError
from crm_assets.storage.coded import as_declared, in_plain_order, plain_writer
from crm_assets.storage.files import Files
from crm_assets.storage.folder import cannot
from crm_assets.storage.monthly import Batches, write_query
from crm_assets.storage.scratch import Scratch
from crm_assets.storage.whole import is_whole

log = logging.getLogger("dagster.crm_assets")

SUFFIX = ".parquet"
# Fixed, so that the same rows give the same bytes, whatever batches the engine gives.
ROWS_PER_GROUP = 262_144


class Owner(Protocol):
    """Whose tables a store holds; see `storage.home`."""

    def check(self) -> None:
        """Raise a `HomeError` if they are another source's."""
        ...

    def claim(self) -> str | None:
        """Record the owner's claim, or raise a `HomeError`."""
        ...


TableLike = ir.Table | pa.Table | pd.DataFrame | Batches


@dataclass(frozen=True)
class TableStore:
    """Parquet tables in a folder on this machine or in a bucket.

    A table without months is `<name>.parquet`, one with months `<name>/<month>.parquet`.

    Attributes:
        files: the folder or bucket.
        engine_memory: how much memory DuckDB uses before it spills to disk, for example `4GB`.
        engine_name: `duckdb` or `pyspark`.
        scratch_root: where the engine puts what does not fit into memory.
        owner: knows whose tables these are; None if any source may read and write.
    """

    files: Files
    engine_memory: str = "4GB"
    engine_name: str = "duckdb"
    scratch_root: Path | None = None
    owner: Owner | None = None

    @cached_property
    def engine(self) -> Engine:
        """The engine that runs this store's expressions; opened on first use."""
        spill = None if self._scratch is None else self._scratch.folder
        return open_engine(self.engine_name, self.engine_memory, spill)

    @cached_property
    def _scratch(self) -> Scratch | None:
        return Scratch(self.scratch_root) if self.scratch_root else None

    def where(self, name: str, month: str | None = None) -> str:
        """Return the address of a table, or of one month of it."""
        return self.files.where(_key(name, month))

    def path(self, name: str, month: str | None = None) -> Path:
        """Return a table as it is now, or one month of it, as a local parquet file.

        Raises:
            StorageError: it is not stored, or damaged.
        """
        return self._paths(name, [month])[0]

    def paths(self, name: str, months: Sequence[str]) -> list[str]:
        """Return some months of a table as they are now, as local parquet files.

        Raises:
            StorageError: one of them is not stored, or damaged.
        """
        return [str(path) for path in self._paths(name, months)]

    def months(self, name: str) -> list[str]:
        """Return the months of a table that are stored, in order."""
        return [PurePosixPath(key).stem for key in self.files.keys(name) if key.endswith(SUFFIX)]

    def schema(self, name: str, month: str | None = None) -> pa.Schema:
        """Return the columns and types of a stored table, or of one month of it."""
        return pq.read_schema(self.path(name, month))

    def rows(self, name: str, month: str | None = None) -> int:
        """Return the row count of a stored table, or of one month of it."""
        return pq.read_metadata(self.path(name, month)).num_rows

    def check(self) -> None:
        """Raise a `HomeError` if the tables are another source's."""
        if self.owner:
            self.owner.check()

    def claim(self) -> str | None:
        """Record the owner; return a sentence if the store held something before. `write` does this too.

        Raises:
            HomeError: the store holds another source's tables.
        """
        return self.owner.claim() if self.owner else None

    def _paths(self, name: str, months: Sequence[str | None]) -> list[Path]:
        self.check()
        paths = self.files.fetch([_key(name, month) for month in months])
        pairs = zip(paths, months, strict=True)
        return [
            path if path and is_whole(path) else self._unusable(path, name, month) for path, month in pairs
        ]

    def _unusable(self, path: Path | None, name: str, month: str | None) -> NoReturn:
        if path is None:
            which = f" for {month}" if month else ""
            raise StorageError(f"{self.where(name, month)} is missing: materialize {name}{which} first.")
        raise self.damaged(name, month)

    def damaged(self, name: str, month: str | None) -> StorageError:
        """Return the error of a table, or one month of it, whose file is not a whole parquet file."""
        which, where = f" for {month}" if month else "", self.where(name, month)
        return StorageError(f"{where} is damaged or only half written: materialize {name}{which} again.")

    def has(self, name: str) -> bool:
        """Return whether a table, or any month of it, is stored."""
        return self.files.exists(_key(name)) or bool(self.months(name))

    def write(self, name: str, table: TableLike, schema: pa.Schema, month: str | None = None) -> int:
        """Store a table, or one month of it, with the types of `schema`; return its row count.

        Optional columns of the schema that the table lacks are left out. If writing fails, the store keeps
        what it had before.

        Raises:
            HomeError: the store holds another source's tables.
            StorageError: the store cannot be written.
        """
        draft, rows = self.draft(name, table, schema, month)
        self.keep(draft, name, month)
        return rows

    def draft(
        self, name: str, table: TableLike, schema: pa.Schema, month: str | None = None
    ) -> tuple[Path, int]:
        """Write a table, or one month of it, to a file for `keep` to store; return the file and row count.

        Raises:
            HomeError: the store holds another source's tables.
            StorageError: the file cannot be written.
        """
        if told := self.claim():
            log.warning(told)
        path = self.files.draft()
        with self._or_remove(path, name, month):
            return path, self._write_file(table, schema, path)

    def keep(self, draft: Path, name: str, month: str | None = None) -> None:
        """Store a file that `draft` wrote, in place of what was there.

        Raises:
            StorageError: the store cannot be written.
        """
        with self._or_remove(draft, name, month):
            self.files.publish(draft, _key(name, month))

    @contextmanager
    def _or_remove(self, draft: Path, name: str, month: str | None) -> Generator[None]:
        try:
            yield
        except BaseException as error:
            draft.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise StorageError(cannot("write", self.where(name, month), error)) from error
            raise

    def write_months(
        self, name: str, months: MonthlyQuery | Mapping[str, TableLike], schema: pa.Schema
    ) -> Iterator[tuple[str, int]]:
        """Store months of a table, each as `write` does; yield each month and its row count, in order."""
        if isinstance(months, MonthlyQuery):
            # Claim here, before several threads would.
            if told := self.claim():
                log.warning(told)
            yield from write_query(self, name, months, schema)
            return
        for month, table in months.items():
            yield month, self.write(name, table, schema, month)

    def read(self, name: str, months: list[str] | None = None) -> ir.Table:
        """Return a stored table, or some of its months one below the other, as an expression.

        Raises:
            StorageError: the table, or one of the months, is not stored, or damaged.
        """
        paths = self._paths(name, [None] if months is None else months)
        if not paths:
            raise StorageError(f"{name} is missing: materialize {name} first.")
        return self.engine.read_parquet([str(path) for path in paths])

    def to_pandas(self, table: ir.Table) -> pd.DataFrame:
        """Run an expression of this store and return a data frame."""
        return self.engine.to_pyarrow(table).to_pandas()

    def _write_file(self, table: TableLike, schema: pa.Schema, path: Path) -> int:
        schema = as_given(schema, _names(table, schema))
        ways = table if isinstance(table, Batches) else self._ways(table, schema)
        for way in ways.hopeful:
            with suppress(OutOfOrderError):
                return self._write_batches(way(), schema, path)
        return self._write_batches(ways.sure(), schema, path)

    def _ways(self, table: ir.Table | pa.Table | pd.DataFrame, schema: pa.Schema) -> Batches:
        sure = partial(self._batches, table, schema)
        known = without_sort(table) if isinstance(table, ir.Table) and self.engine_name == "duckdb" else None
        if known is None:
            return Batches(sure)
        unsorted, keys = known
        return Batches(sure, (lambda: in_order(self._batches(unsorted, schema), keys),))

    def _write_batches(self, batches: Iterator[pa.Table], schema: pa.Schema, path: Path) -> int:
        rows = 0
        with ExitStack() as opened:
            writer = None
            for group in _row_groups(_ahead(batches), schema):
                writer = writer or opened.enter_context(plain_writer(path, group.schema, schema))
                writer.write_table(in_plain_order(group), row_group_size=ROWS_PER_GROUP)
                rows += group.num_rows
        return rows

    def _batches(self, table: ir.Table | pa.Table | pd.DataFrame, schema: pa.Schema) -> Iterator[pa.Table]:
        if isinstance(table, ir.Table):
            for batch in self.engine.to_pyarrow_batches(table, chunk_size=ROWS_PER_GROUP):
                yield pa.Table.from_batches([batch]).cast(schema)
        elif isinstance(table, pd.DataFrame):
            yield pa.Table.from_pandas(table, schema, preserve_index=False).replace_schema_metadata(None)
        else:
            yield as_declared(table, schema)


def _names(table: TableLike, schema: pa.Schema) -> list[str]:
    """Return the columns of a table."""
    if isinstance(table, Batches):
        return schema.names
    return table.column_names if isinstance(table, pa.Table) else list(table.columns)


def _ahead(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Yield the same tables, and compute the next one while one is being written."""
    with ThreadPoolExecutor(1) as maker:
        coming = maker.submit(next, tables, None)
        while (table := coming.result()) is not None:
            coming = maker.submit(next, tables, None)
            yield table


def _row_groups(batches: Iterator[pa.Table], schema: pa.Schema) -> Iterator[pa.Table]:
    """Cut batches of any size into tables of `ROWS_PER_GROUP` rows and a shorter last one."""
    waiting = None
    for batch in batches:
        waiting = batch if waiting is None else pa.concat_tables([waiting, batch])
        while waiting.num_rows >= ROWS_PER_GROUP:
            # One chunk: the writer starts a page per chunk, and pages must not depend on the batches.
            yield waiting.slice(0, ROWS_PER_GROUP).combine_chunks()
            waiting = waiting.slice(ROWS_PER_GROUP)
    yield schema.empty_table() if waiting is None else waiting.combine_chunks()


def _key(name: str, month: str | None = None) -> str:
    return f"{name}{SUFFIX}" if month is None else f"{name}/{month}{SUFFIX}"

"""DuckDB as the table engine: the default, in this process, spilling to disk."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends.duckdb import Backend

# More months than this in one query, and DuckDB would sort the deals to find those of each month.
MONTHS_TO_COMPARE = 1_000
# Cores that compute months side by side, each month with its rows in memory.
MOST_CORES = 4
# A column of more different texts, or of fewer rows per text, as an identifier, is held as it is.
FEW, ROWS_PER_TEXT = 10_000, 20


def connect(memory_limit: str = "4GB", scratch: Path | None = None) -> DuckDBEngine:
    """Open an in-memory DuckDB.

    Args:
        memory_limit: what DuckDB keeps in memory before it spills, as in `4GB`.
        scratch: folder that it spills to; `.tmp` of the working directory where None.
    """
    spill: dict[str, Any] = {} if scratch is None else {"temp_directory": str(scratch)}
    engine = DuckDBEngine()
    engine.do_connect(memory_limit=memory_limit, **spill)
    # DuckDB takes a step's or a run's own process for a person at a prompt, and draws bars into its log.
    engine.raw_sql("SET enable_progress_bar = false")
    engine.raw_sql(f"SET nested_loop_join_threshold = {MONTHS_TO_COMPARE}")
    return engine


class DuckDBEngine(Backend):
    """Ibis on DuckDB, with stored tables that several sessions read at once."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._files: dict[str, list[str]] = {}

    def read_parquet(self, paths: Any, /, *, table_name: str | None = None, **_: Any) -> ir.Table:
        """Return a table of one parquet file or of several, one below the other."""
        files = [str(path) for path in (paths if isinstance(paths, list) else [paths])]
        name = table_name or ibis.util.gen_name("stored")
        _view(self.con, "VIEW", name, files)
        self._files[name] = files
        # Without asking DuckDB: Ibis does so by a deprecated call.
        schema = ibis.Schema.from_pyarrow(pq.read_schema(files[0]))
        table: Any = ops.DatabaseTable
        return table(name, schema=schema, source=self).to_expr()

    def to_pyarrow_batches(
        self,
        expr: ir.Expr,
        /,
        *,
        params: Mapping[Any, Any] | None = None,
        limit: Any = None,
        chunk_size: int = 1_000_000,
        **_: Any,
    ) -> pa.ipc.RecordBatchReader:
        """Return the result of an expression, batch by batch: Ibis's own method calls a deprecated one."""
        self._run_pre_execute_hooks(expr)
        cursor = self.raw_sql(self.compile(expr.as_table(), limit=limit, params=params))
        return cursor.to_arrow_reader(chunk_size)

    @contextmanager
    def side_by_side(self, queries: int) -> Generator[int]:
        """Say how many of some queries run at once: a core for each is faster than all cores for each."""
        cores = self.con.execute("SELECT current_setting('threads')").fetchall()[0][0]
        at_once = min(queries, cores, MOST_CORES)
        self.raw_sql(f"SET threads = {max(1, cores // at_once)}")
        try:
            yield at_once
        finally:
            self.raw_sql(f"SET threads = {cores}")

    @contextmanager
    def held(self, name: str) -> Generator[None]:
        """Hold a stored table in memory, each of its few texts once, while many queries read it."""
        schema = pq.read_schema(self._files[name][0])
        columns = [
            f'"{field.name}"::"{name}_{field.name}" AS "{field.name}"'
            if pa.types.is_string(field.type) and self._few_texts(name, field.name)
            else f'"{field.name}"'
            for field in schema
        ]
        selected = ", ".join(columns)
        self.raw_sql(f'CREATE OR REPLACE TABLE "{name}_held" AS SELECT {selected} FROM "{name}"')  # noqa: S608
        self.raw_sql(f'CREATE OR REPLACE VIEW "{name}" AS FROM "{name}_held"')
        try:
            yield
        finally:
            _view(self.con, "VIEW", name, self._files[name])
            self.raw_sql(f'DROP TABLE "{name}_held"')

    def _few_texts(self, name: str, column: str) -> bool:
        """Make a type of a column's texts, if they are few."""
        few = min(FEW, sum(pq.read_metadata(file).num_rows for file in self._files[name]) // ROWS_PER_TEXT)
        found = f'SELECT DISTINCT "{column}" FROM "{name}" WHERE "{column}" IS NOT NULL LIMIT {few + 1}'  # noqa: S608
        texts = [text for (text,) in self.con.execute(found).fetchall()]
        if len(texts) > few:
            return False
        # In order, so that the type compares as its texts do.
        quoted = ", ".join(_quoted(text) for text in sorted(texts))
        self.raw_sql(f'DROP TYPE IF EXISTS "{name}_{column}"')
        self.raw_sql(f'CREATE TYPE "{name}_{column}" AS ENUM ({quoted})')
        return True

    @contextmanager
    def session(self) -> Generator[DuckDBSession]:
        """Open a session of its own on the same tables, for one thread."""
        cursor = self.con.cursor()
        try:
            yield DuckDBSession(cursor)
        finally:
            cursor.close()


class DuckDBSession:
    """Runs compiled queries, beside other sessions, on tables that it alone sees."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self._cursor = cursor

    def put(self, name: str, rows: pa.Table) -> None:
        """Let queries read some rows under a name."""
        self._cursor.register(f"{name}_given", rows)
        self._cursor.execute(f'CREATE OR REPLACE TEMP TABLE "{name}" AS FROM "{name}_given"')

    def put_files(self, name: str, paths: list[str]) -> None:
        """Let queries read parquet files under a name, one below the other."""
        _view(self._cursor, "TEMP VIEW", name, paths)

    def whole(self, sql: str) -> pa.Table:
        """Return all rows of a query."""
        return self._cursor.execute(sql).to_arrow_table()

    def batches(self, sql: str, rows: int, _: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Return the rows of a query, so many at a time."""
        yield from self._cursor.execute(sql).to_arrow_reader(rows)


def _quoted(text: str) -> str:
    escaped = text.replace("'", "''")
    return f"'{escaped}'"


def _view(connection: duckdb.DuckDBPyConnection, kind: str, name: str, paths: list[str]) -> None:
    files = ", ".join(_quoted(path) for path in paths)
    connection.execute(f'CREATE OR REPLACE {kind} "{name}" AS FROM read_parquet([{files}])')

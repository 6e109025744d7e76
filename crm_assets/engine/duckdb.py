"""DuckDB, the default table engine: it runs in this process and spills to disk."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends.duckdb import Backend

# With more months than this in one query, DuckDB sorts the deals to find those of each month.
MONTHS_TO_COMPARE = 1_000
# At most this many months are computed at once, since each holds its rows in memory.
MOST_CORES = 4
# Columns with more distinct texts, or fewer rows per text (for example identifiers), are not encoded.
FEW, ROWS_PER_TEXT = 10_000, 20


def connect(memory_limit: str = "4GB", scratch: Path | None = None) -> DuckDBEngine:
    """Open an in-memory DuckDB.

    Args:
        memory_limit: memory that DuckDB uses before it spills, for example `4GB`.
        scratch: folder that it spills to; None for `.tmp` in the working directory.
    """
    spill: dict[str, Any] = {} if scratch is None else {"temp_directory": str(scratch)}
    engine = DuckDBEngine()
    engine.do_connect(memory_limit=memory_limit, **spill)
    # DuckDB mistakes the process of a step or run for an interactive one and draws bars into its log.
    # In a notebook without ipywidgets it can draw none, and refuses the setting.
    with suppress(duckdb.InvalidInputException):
        engine.raw_sql("SET enable_progress_bar = false")
    engine.raw_sql(f"SET nested_loop_join_threshold = {MONTHS_TO_COMPARE}")
    return engine


class DuckDBEngine(Backend):
    """Ibis on DuckDB, with stored tables that several sessions read at once."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._files: dict[str, list[str]] = {}

    def read_parquet(self, paths: Any, /, *, table_name: str | None = None, **_: Any) -> ir.Table:
        """Return one or several parquet files as one table, in order."""
        files = [str(path) for path in (paths if isinstance(paths, list) else [paths])]
        name = table_name or ibis.util.gen_name("stored")
        _view(self.con, "VIEW", name, files)
        self._files[name] = files
        return self._named(name, pq.read_schema(files[0]))

    def given(self, name: str, rows: pa.Table) -> ir.Table:
        """Make rows readable under a name, without a copy of them."""
        self.con.register(name, rows)
        return self._named(name, rows.schema)

    def _named(self, name: str, schema: pa.Schema) -> ir.Table:
        # The schema does not come from DuckDB: asking takes a query, and Ibis would use a deprecated call.
        table: Any = ops.DatabaseTable
        return table(name, schema=ibis.Schema.from_pyarrow(schema), source=self).to_expr()

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
        """Return the result of an expression in batches; Ibis's own method makes a deprecated call."""
        self._run_pre_execute_hooks(expr)
        cursor = self.raw_sql(self.compile(expr.as_table(), limit=limit, params=params))
        return cursor.to_arrow_reader(chunk_size)

    @contextmanager
    def side_by_side(self, queries: int) -> Generator[int]:
        """Yield how many queries to run at once: one core per query is faster than all cores per query."""
        cores = self.con.execute("SELECT current_setting('threads')").fetchall()[0][0]
        at_once = min(queries, cores, MOST_CORES)
        self.raw_sql(f"SET threads = {max(1, cores // at_once)}")
        try:
            yield at_once
        finally:
            self.raw_sql(f"SET threads = {cores}")

    @contextmanager
    def held(self, name: str) -> Generator[None]:
        """Hold a stored table in memory while many queries read it; store repeated texts once."""
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
        """Create an ENUM type for a column if it has few distinct texts, and return whether it has."""
        few = min(FEW, sum(pq.read_metadata(file).num_rows for file in self._files[name]) // ROWS_PER_TEXT)
        found = f'SELECT DISTINCT "{column}" FROM "{name}" WHERE "{column}" IS NOT NULL LIMIT {few + 1}'  # noqa: S608
        texts = [text for (text,) in self.con.execute(found).fetchall()]
        if len(texts) > few:
            return False
        # Sorted, so that the type compares like its texts.
        quoted = ", ".join(_quoted(text) for text in sorted(texts))
        self.raw_sql(f'DROP TYPE IF EXISTS "{name}_{column}"')
        self.raw_sql(f'CREATE TYPE "{name}_{column}" AS ENUM ({quoted})')
        return True

    @contextmanager
    def session(self) -> Generator[DuckDBSession]:
        """Open a separate session on the same tables, for one thread."""
        cursor = self.con.cursor()
        try:
            yield DuckDBSession(cursor)
        finally:
            cursor.close()


class DuckDBSession:
    """Runs compiled queries at the same time as other sessions; only this session sees the tables it puts."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self._cursor = cursor

    def put(self, name: str, rows: pa.Table) -> None:
        """Make rows readable for queries under a name."""
        self._cursor.register(f"{name}_given", rows)
        self._cursor.execute(f'CREATE OR REPLACE TEMP TABLE "{name}" AS FROM "{name}_given"')

    def put_files(self, name: str, paths: list[str]) -> None:
        """Make parquet files readable for queries as one table with this name."""
        _view(self._cursor, "TEMP VIEW", name, paths)

    def whole(self, sql: str) -> pa.Table:
        """Return all rows of a query."""
        return self._cursor.execute(sql).to_arrow_table()

    def batches(self, sql: str, rows: int, _: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Yield the result of a query in batches of at most `rows` rows."""
        yield from self._cursor.execute(sql).to_arrow_reader(rows)


def _quoted(text: str) -> str:
    escaped = text.replace("'", "''")
    return f"'{escaped}'"


def _view(connection: duckdb.DuckDBPyConnection, kind: str, name: str, paths: list[str]) -> None:
    files = ", ".join(_quoted(path) for path in paths)
    connection.execute(f'CREATE OR REPLACE {kind} "{name}" AS FROM read_parquet([{files}])')

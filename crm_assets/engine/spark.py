"""Apache Spark as the table engine: it runs the same expressions on a cluster or on local cores."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ibis.expr.operations as ops
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends.pyspark import Backend
from pyspark.errors import PySparkRuntimeError
from pyspark.sql import SparkSession

from crm_assets.errors import EngineError


def connect_spark(scratch: Path | None) -> SparkEngine:
    """Open the Spark session that `spark-defaults.conf` describes; without this file, use all local cores.

    Args:
        scratch: folder for results; driver and workers must see it at the same path.

    Raises:
        EngineError: Spark does not start.
    """
    try:
        session = SparkSession.builder.appName("crm_assets").getOrCreate()
    except PySparkRuntimeError as error:
        raise EngineError(
            f"Spark does not start: {error}; check that Java 17 or 21 is installed (`java -version`), and "
            "check spark-defaults.conf in SPARK_CONF_DIR."
        ) from error
    engine = SparkEngine()
    engine.do_connect(session)
    engine.register_options()
    engine.scratch = scratch
    return engine


class SparkEngine(Backend):
    """Ibis on Spark. It reads several files as one table and returns rows without pandas.

    Ibis's own backend collects a whole result into pandas, which loses types and has no memory limit.
    """

    scratch: Path | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._files: dict[str, list[str]] = {}

    def read_parquet(
        self, path: str | Path | list[str], /, *, table_name: str | None = None, **kwargs: Any
    ) -> ir.Table:
        """Return one or several parquet files as one table."""
        paths = path if isinstance(path, list) else [str(path)]
        frame = self._session.read.parquet(*(Path(p).absolute().as_uri() for p in paths), **kwargs)
        name = table_name or f"parquet_{len(self._files)}"
        frame.createOrReplaceTempView(name)
        self._files[name] = paths
        return self.table(name)

    @contextmanager
    def side_by_side(self, _: int) -> Generator[int]:
        """Yield how many queries to run at once: one, since Spark uses all cores for it."""
        yield 1

    @contextmanager
    def held(self, _: str) -> Generator[None]:
        """Do nothing: Spark reads the stored table from disk."""
        yield

    @contextmanager
    def session(self) -> Generator[SparkEngine]:
        """Yield this engine: Spark has only one session here."""
        yield self

    def put(self, name: str, rows: pa.Table) -> None:
        """Make rows readable for queries under a name."""
        self._session.createDataFrame(rows).createOrReplaceTempView(name)

    def put_files(self, name: str, paths: list[str]) -> None:
        """Make parquet files readable for queries as one table with this name."""
        self.read_parquet(paths, table_name=name)

    def whole(self, sql: str) -> pa.Table:
        """Return all rows of a query."""
        return self._session.sql(sql).toArrow()

    def batches(self, sql: str, rows: int, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Return the result of a query in batches of at most `rows` rows, with the types of `schema`."""
        return self._parts(self._session.sql(sql), schema, rows)

    def to_pyarrow(
        self,
        expr: Any,
        /,
        *,
        params: Mapping[ir.Scalar, Any] | None = None,
        limit: int | str | None = None,
        **kwargs: Any,
    ) -> Any:
        """Return the whole result of an expression, in memory."""
        files = self._stored(expr)
        if files and limit is None:
            return pa.concat_tables([pq.read_table(file) for file in files])
        rows = self._frame(expr, params, limit).toArrow()
        return expr.__pyarrow_result__(rows.cast(expr.as_table().schema().to_pyarrow()))

    def to_pyarrow_batches(
        self,
        expr: ir.Expr,
        /,
        *,
        params: Mapping[ir.Scalar, Any] | None = None,
        limit: int | str | None = None,
        chunk_size: int = 1_000_000,
        **kwargs: Any,
    ) -> pa.ipc.RecordBatchReader:
        """Return the result of an expression in batches: Spark writes files, which are read in order."""
        schema = expr.as_table().schema().to_pyarrow()
        frame = self._frame(expr, params, limit)
        return pa.RecordBatchReader.from_batches(schema, self._parts(frame, schema, chunk_size))

    def _parts(self, frame: Any, schema: pa.Schema, chunk_size: int) -> Iterator[pa.RecordBatch]:
        if self.scratch is not None:
            self.scratch.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="spark-", dir=self.scratch))
        try:
            frame.write.mode("overwrite").parquet((folder / "parts").absolute().as_uri())
            # Spark writes one file per partition of the sorted result, numbered in order.
            for part in sorted((folder / "parts").glob("part-*")):
                with pq.ParquetFile(part) as file:
                    for batch in file.iter_batches(chunk_size):
                        yield batch.cast(schema)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _frame(self, expr: ir.Expr, params: Any, limit: Any) -> Any:
        self._run_pre_execute_hooks(expr)
        return self._session.sql(self.compile(expr.as_table(), params=params, limit=limit))

    def _stored(self, expr: ir.Expr) -> list[str]:
        """Return the files of an unchanged stored table, which are read directly to keep their order."""
        operation = expr.op()
        return self._files.get(operation.name, []) if isinstance(operation, ops.DatabaseTable) else []

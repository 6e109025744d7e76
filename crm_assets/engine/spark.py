"""Apache Spark as the table engine: it runs the same expressions on a cluster or on local cores."""

from __future__ import annotations

import os
import shutil
import sys
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
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException, PySparkRuntimeError
from pyspark.sql import DataFrame, SparkSession, functions

from crm_assets.errors import EngineError

LOG = Path(__file__).with_name("log4j2.properties")


def connect_spark(scratch: Path | None) -> SparkEngine:
    """Open the Spark session that `spark-defaults.conf` describes; without this file, use all local cores.

    Unless told otherwise by a configuration, Spark writes only errors, and its workers run this Python.

    Args:
        scratch: folder for results; driver and workers must see it at the same path.

    Raises:
        EngineError: Spark does not start.
    """
    configuration = Path(os.environ.get("SPARK_CONF_DIR", "."))
    if not (configuration / LOG.name).exists():
        os.environ.setdefault("SPARK_SUBMIT_OPTS", f"-Dlog4j2.configurationFile={LOG.as_uri()}")
    builder = SparkSession.builder.appName("crm_assets")
    if "SPARK_CONF_DIR" not in os.environ:
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        builder = builder.config("spark.ui.showConsoleProgress", "false").config("spark.ui.enabled", "false")
    try:
        session = builder.getOrCreate()
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

    @contextmanager
    def told_in_a_sentence(self, what: str) -> Generator[None]:
        """Turn a failure of Spark into one sentence.

        Args:
            what: what Spark does meanwhile, after "could not".

        Raises:
            EngineError: Spark failed.
        """
        try:
            yield
        except (PySparkException, Py4JError) as error:
            said = str(error).splitlines()[0]
            raise EngineError(f"Spark could not {what}: {said}; look at the log of its workers.") from error

    def existing_scratch(self) -> Path | None:
        """Return the folder for results, which now exists; None means the system's."""
        if self.scratch is not None:
            self.scratch.mkdir(parents=True, exist_ok=True)
        return self.scratch

    def parted(self, folder: Path, parts: int, part: str, by: str) -> DataFrame:
        """Return the parquet files of a folder as Spark's own data frame, in partitions that the rows name.

        Args:
            folder: the folder.
            parts: how many partitions to make.
            part: the column with the number of each row's partition.
            by: the column that orders the rows of a partition.
        """
        frame = self._session.read.parquet(folder.absolute().as_uri())
        # Spark spreads rows by the hash of a value: give each partition a value whose hash leads there.
        hashed = self._session.range(64 * parts).select("id", functions.expr(f"pmod(hash(id), {parts})"))
        leads = {place: value for value, place in reversed(hashed.collect())}
        values = [functions.lit(leads[place]).cast("long") for place in range(parts)]
        key = functions.element_at(functions.array(*values), frame[part].cast("int") + 1)
        return frame.withColumn("key", key).repartition(parts, "key").sortWithinPartitions(by)

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
        folder = Path(tempfile.mkdtemp(prefix="spark-", dir=self.existing_scratch()))
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

"""Open the engine that the settings choose: DuckDB in this process, or Apache Spark."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, Union

from crm_assets.errors import EngineError

if TYPE_CHECKING:
    # Imported only when an engine is opened: this saves a code location a quarter of a second.
    from crm_assets.engine.duckdb import DuckDBEngine
    from crm_assets.engine.spark import SparkEngine

Engine: TypeAlias = Union["DuckDBEngine", "SparkEngine"]


def open_engine(name: str, memory_limit: str, scratch: Path | None) -> Engine:
    """Open the engine that the settings name.

    Args:
        name: `duckdb` or `pyspark`.
        memory_limit: limit for DuckDB; Spark reads its own from `spark-defaults.conf`.
        scratch: folder where DuckDB spills and Spark writes results.

    Raises:
        EngineError: Spark is chosen but is not installed or does not start.
    """
    if name == "duckdb":
        from crm_assets.engine.duckdb import connect

        return connect(memory_limit, scratch)
    return open_spark(scratch)


def open_spark(scratch: Path | None) -> SparkEngine:
    """Open Spark, or the session that this process has already opened.

    Raises:
        EngineError: Spark is not installed or does not start.
    """
    try:
        from crm_assets.engine.spark import connect_spark
    except ModuleNotFoundError as error:
        raise EngineError(
            f"CRM_ENGINE is pyspark, but {error.name} is not installed; run `make install-scale`."
        ) from error
    return connect_spark(scratch)

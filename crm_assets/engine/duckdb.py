"""The table engine that runs Ibis expressions: DuckDB on this machine, or Apache Spark."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, Union

import ibis

from crm_assets.errors import EngineError

if TYPE_CHECKING:
    # Loaded when an engine is opened: a quarter of a second that a code location does without.
    from ibis.backends.duckdb import Backend

    from crm_assets.engine.spark import SparkEngine

Engine: TypeAlias = Union["Backend", "SparkEngine"]


def connect(memory_limit: str = "4GB", scratch: Path | None = None) -> Backend:
    """Open an in-memory DuckDB.

    Args:
        memory_limit: what DuckDB keeps in memory before it spills, as in `4GB`.
        scratch: folder that it spills to; `.tmp` of the working directory where None.
    """
    spill = {} if scratch is None else {"temp_directory": str(scratch)}
    engine = ibis.duckdb.connect(memory_limit=memory_limit, **spill)
    # DuckDB takes a step's or a run's own process for a person at a prompt, and draws bars into its log.
    engine.raw_sql("SET enable_progress_bar = false")
    return engine


def open_engine(name: str, memory_limit: str, scratch: Path | None) -> Engine:
    """Open the engine that settings name.

    Args:
        name: `duckdb` or `pyspark`.
        memory_limit: of DuckDB; Spark has its own settings, in `spark-defaults.conf`.
        scratch: folder that DuckDB spills to, and Spark hands results over in.

    Raises:
        EngineError: Spark is asked for and not installed, or does not start.
    """
    if name == "duckdb":
        return connect(memory_limit, scratch)
    try:
        from crm_assets.engine.spark import connect_spark
    except ModuleNotFoundError as error:
        raise EngineError(
            f"CRM_ENGINE is pyspark and {error.name} is not installed; run `make install-scale`."
        ) from error
    return connect_spark(scratch)

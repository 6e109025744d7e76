"""The table engine: an embedded DuckDB that runs Ibis expressions and spills to disk."""

from __future__ import annotations

from pathlib import Path

import ibis
from ibis.backends.duckdb import Backend


def connect(memory_limit: str = "4GB", spill_dir: Path | None = None) -> Backend:
    """Open an in-memory DuckDB.

    Args:
        memory_limit: what DuckDB keeps in memory before it spills, as in `4GB`.
        spill_dir: where it spills to; DuckDB's own choice where None.
    """
    options = {} if spill_dir is None else {"temp_directory": str(spill_dir)}
    return ibis.duckdb.connect(memory_limit=memory_limit, **options)

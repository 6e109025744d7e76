"""The table engine: an embedded DuckDB that runs Ibis expressions and spills to disk."""

from __future__ import annotations

import ibis
from ibis.backends.duckdb import Backend


def connect(memory_limit: str = "4GB") -> Backend:
    """Open an in-memory DuckDB.

    Args:
        memory_limit: what DuckDB keeps in memory before it spills, as in `4GB`.
    """
    return ibis.duckdb.connect(memory_limit=memory_limit)

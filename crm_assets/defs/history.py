"""Keep Dagster's SQLite files open during a run in this process."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import ExitStack, closing, contextmanager

from sqlalchemy import event
from sqlalchemy.engine import Engine


@contextmanager
def kept_open() -> Generator[None]:
    """Hold one more connection to each SQLite file that keeps a write-ahead log.

    Dagster opens and closes the file for every event. SQLite copies the log into the file and waits for the
    disk whenever the last connection closes: some 400 times in a run over all months. With a connection that
    stays, it waits once in a thousand pages and at the end; a power failure then loses the last events of the
    run, never the file (sqlite.org/pragma.html#pragma_synchronous).
    """
    with ExitStack() as open_files:
        kept: set[str] = set()

        def keep(connection: object, _: object) -> None:
            if not isinstance(connection, sqlite3.Connection):
                return
            [mode] = connection.execute("PRAGMA journal_mode").fetchone()
            if mode != "wal":
                return
            connection.execute("PRAGMA synchronous = NORMAL")
            [_, _, path] = connection.execute("PRAGMA database_list").fetchone()
            if path not in kept:
                kept.add(path)
                other = open_files.enter_context(closing(sqlite3.connect(path, check_same_thread=False)))
                # SQLite opens the file at the first read.
                other.execute("PRAGMA schema_version").fetchone()

        event.listen(Engine, "connect", keep)
        try:
            yield
        finally:
            event.remove(Engine, "connect", keep)

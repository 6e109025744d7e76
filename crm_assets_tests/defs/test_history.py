"""Dagster's files stay open during a run, so that each event does not wait for the disk."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from crm_assets.defs.history import kept_open


def test_the_log_of_a_file_is_kept_until_the_end_and_nothing_is_lost(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'events.db'}", poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("PRAGMA journal_mode = WAL"))
        connection.execute(text("CREATE TABLE events (name TEXT)"))
    log = tmp_path / "events.db-wal"
    with kept_open():
        for name in ("first", "second"):
            with engine.begin() as connection:
                connection.execute(text("INSERT INTO events VALUES (:name)"), {"name": name})
            # Without a second connection, SQLite removes the log as soon as the first one closes.
            assert log.exists()
    assert not log.exists()
    with engine.begin() as connection:
        assert connection.execute(text("SELECT name FROM events")).scalars().all() == ["first", "second"]

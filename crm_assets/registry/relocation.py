"""Update the embedded registry when its home moves: MLflow stores absolute paths."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

from crm_assets.errors import StorageError

# Every column in which MLflow stores the location of artifacts.
PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
SECONDS_TO_WAIT = 30


def relocate(database: Path, artifacts_dir: Path) -> int:
    """Make an embedded registry look for its artifacts where they are now, in one transaction.

    It does nothing if the registry is new or did not move, or if the artifacts stayed behind. A copy of a
    home thus becomes its own registry, and the original keeps its paths.

    Args:
        database: the SQLite file; may be missing.
        artifacts_dir: where the artifacts are now; the experiments say where a folder of that name was.

    Returns:
        How many paths were rewritten.

    Raises:
        StorageError: the database cannot be read or written.
    """
    if not database.is_file():
        return 0
    try:
        with closing(sqlite3.connect(database, timeout=SECONDS_TO_WAIT, isolation_level=None)) as connection:
            moved = [
                before
                for before in _locations(connection, artifacts_dir.name)
                if before != artifacts_dir.as_uri() and not _stayed_behind(before, artifacts_dir)
            ]
            return _rewrite(connection, moved, artifacts_dir.as_uri()) if moved else 0
    except sqlite3.Error as error:
        raise StorageError(
            f"Cannot update the paths in {database}: {error}; check that you may write the file, that no "
            "other program uses it now, and that the disk has room."
        ) from error


def _locations(connection: sqlite3.Connection, name: str) -> list[str]:
    """Return where the experiments of the embedded registry keep their artifacts."""
    if not _has(connection, "experiments", "artifact_location"):
        return []
    found = connection.execute("SELECT DISTINCT artifact_location FROM experiments")
    return [place for (place,) in found if str(place).startswith("file:") and place.endswith(f"/{name}")]


def _stayed_behind(before: str, artifacts_dir: Path) -> bool:
    """Return whether the artifacts are still where they were, and none are here."""
    here = artifacts_dir.is_dir() and any(artifacts_dir.iterdir())
    return not here and Path(unquote(urlsplit(before).path)).is_dir()


def _rewrite(connection: sqlite3.Connection, moved: list[str], now: str) -> int:
    connection.execute("BEGIN IMMEDIATE")
    try:
        rows = 0
        for table, column in PLACES:
            for before in moved if _has(connection, table, column) else ():
                rows += connection.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) "  # noqa: S608 - our own names
                    f"WHERE {column} = ? OR substr({column}, 1, ?) = ?",
                    [now, len(before) + 1, before, len(before) + 1, f"{before}/"],
                ).rowcount
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    return rows


def _has(connection: sqlite3.Connection, table: str, column: str) -> bool:
    """Return whether this version of MLflow has the column."""
    columns = connection.execute("SELECT name FROM pragma_table_info(?)", [table]).fetchall()
    return (column,) in columns

"""The database behind MLflow: check that the installed MLflow can work with it."""

from __future__ import annotations

import logging
import os
import shlex
import sqlite3
from contextlib import closing
from importlib.metadata import version as installed
from importlib.util import find_spec
from pathlib import Path

from crm_assets.errors import SourceUnavailableError

EMBEDDED = "sqlite:///"


def connect_each_time() -> None:
    """Let MLflow open a connection for each question, without a line in the log for each.

    An old connection would go on reading a registry that was moved away.
    """
    os.environ.setdefault("MLFLOW_SQLALCHEMYSTORE_POOLCLASS", "NullPool")
    log = logging.getLogger("mlflow.store.db.utils")
    if log.level == logging.NOTSET:
        log.setLevel(logging.WARNING)


def check(tracking_uri: str) -> None:
    """Refuse an embedded registry that a newer or older MLflow made; a server checks its own database.

    Args:
        tracking_uri: `sqlite:///…`, or a server's address.

    Raises:
        SourceUnavailableError: this MLflow cannot work with the file; says what to do.
    """
    if not tracking_uri.startswith(EMBEDDED):
        return
    file = Path(tracking_uri.removeprefix(EMBEDDED))
    if not file.exists():
        return
    try:
        found = _revision(file)
    except sqlite3.DatabaseError as error:
        raise SourceUnavailableError(
            f"The registry {file} cannot be read: {error}. Check the file, or move it away and use make run "
            "to start a new registry."
        ) from error
    if found is None:
        return
    known, newest = _known_revisions()
    if found not in known:
        raise SourceUnavailableError(
            f"The registry {file} was made by a newer MLflow: {installed('mlflow')}, the one installed here, "
            f"does not know its schema {found}. Use the version of this project that made it, or start a new "
            "registry: set CRM_HOME to another folder and train again (make run)."
        )
    if found != newest:
        raise SourceUnavailableError(
            f"The registry {file} was made by an older MLflow: its schema is {found}, and "
            f"{installed('mlflow')}, the one installed here, needs {newest}. Back up the file, "
            f"then upgrade it: mlflow db upgrade {shlex.quote(tracking_uri)}"
        )


def _revision(file: Path) -> str | None:
    """Return the schema's revision; None if the database has none yet."""
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as database:
        tables = "SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'"
        if database.execute(tables).fetchone() is None:
            return None
        row = database.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def _known_revisions() -> tuple[set[str], str | None]:
    """Return all revisions that the installed MLflow knows, and the newest, without importing MLflow."""
    from alembic.script import ScriptDirectory

    spec = find_spec("mlflow")
    folder = Path(spec.origin or "").parent if spec else Path()
    scripts = ScriptDirectory(str(folder / "store" / "db_migrations"))
    return {script.revision for script in scripts.walk_revisions()}, scripts.get_current_head()

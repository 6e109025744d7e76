"""If another version of MLflow made the registry, everything that opens it says so in a sentence."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from mlflow.store import db_migrations

from crm_assets.errors import SourceUnavailableError
from crm_assets.registry import database, watch
from crm_assets.settings import Settings
from dev.place import Place, place

NEWER = "made by a newer MLflow: "
UNKNOWN = "ffffffffffff"


@pytest.fixture
def there(registry_database: Path, tmp_path: Path) -> Place:
    """Make an installation with a copy of the registry."""
    there = place(tmp_path / "a place", CRM_SOURCE="sample", CRM_SAMPLE_OPPORTUNITIES="300")
    home = there.folder / "home"
    home.mkdir()
    shutil.copy(registry_database, home / "mlflow.db")
    return there


def set_revision(there: Place, revision: str) -> str:
    """Give an installation's registry a schema revision, and return its tracking URI."""
    file = there.folder / "home" / "mlflow.db"
    with closing(sqlite3.connect(file)) as registry:
        registry.execute("UPDATE alembic_version SET version_num = ?", [revision])
        registry.commit()
    return f"sqlite:///{file}"


def test_a_registry_of_this_mlflow_is_accepted_and_a_server_is_not_asked(there: Place) -> None:
    database.check(f"sqlite:///{there.folder / 'home' / 'mlflow.db'}")
    database.check("http://nobody.invalid:5000")


@pytest.mark.parametrize(
    "command",
    [("crm_assets",), ("crm_assets.console.mlflow_ui",), ("crm_assets.console.registry", "rollback")],
    ids=["make run", "make mlflow", "make rollback"],
)
def test_a_newer_registry_is_told_without_a_traceback(there: Place, command: tuple[str, ...]) -> None:
    set_revision(there, UNKNOWN)
    done = there.here(*command)
    assert done.returncode == 1
    assert NEWER in done.stdout + done.stderr
    assert "set CRM_HOME to another folder" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_the_sensor_tells_of_a_newer_registry(there: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    set_revision(there, UNKNOWN)
    monkeypatch.setenv("CRM_HOME", str(there.folder / "home"))
    with pytest.raises(SourceUnavailableError, match=NEWER):
        watch.champion_version(Settings())


def test_an_older_registry_is_told_with_the_command_that_upgrades_it(there: Place) -> None:
    scripts = ScriptDirectory(str(Path(db_migrations.__path__[0])))
    older = list(scripts.walk_revisions())[1].revision
    address = set_revision(there, older)
    with pytest.raises(SourceUnavailableError, match="made by an older MLflow") as caught:
        database.check(address)
    assert str(caught.value).endswith(f"mlflow db upgrade '{address}'")


def test_a_file_that_is_no_database_is_told(there: Place) -> None:
    file = there.folder / "home" / "mlflow.db"
    file.write_text("not a database, though long enough to look like one\n" * 100)
    with pytest.raises(SourceUnavailableError, match="cannot be read: file is not a database"):
        database.check(f"sqlite:///{file}")

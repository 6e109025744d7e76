"""Backups of the stack's databases and buckets: saved, and restored into the same and into another stack."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from crm_assets.errors import StackError
from dev.stack.backup import DATABASES, STORES, client, main, restore, save
from dev.stack.place import BUCKETS, FOLDER, HOST, Place
from dev.stack.postgres import find_programs, programs
from dev.stack.stack import Stack


@contextmanager
def stores(folder: Path) -> Generator[Stack]:
    try:
        yield Stack.start(folder, services=STORES, settings={})
    finally:
        Stack.at(folder).stop()


@pytest.fixture
def folder() -> Iterator[Path]:
    if find_programs() is None:
        pytest.skip("PostgreSQL's server is not installed")
    # The database server's user may not enter pytest's own folder.
    folder = Path(tempfile.mkdtemp(prefix="crm-stack-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


def ask(stack: Stack, database: str, query: str) -> str:
    place = stack.place
    done = subprocess.run(
        [
            str(programs() / "psql"),
            "--no-psqlrc",
            "--tuples-only",
            "--no-align",
            f"--command={query}",
            database,
        ],
        env=os.environ
        | {"PGHOST": HOST, "PGPORT": str(place.ports["POSTGRES_PORT"]), "PGUSER": database}
        | {"PGPASSWORD": place.secrets[f"{database.upper()}_POSTGRES_PASSWORD"]},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def facts(stack: Stack) -> list[str]:
    return [ask(stack, name, "select fact from facts") for name in DATABASES]


def unreachable(place: Place, bucket: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url="http://127.0.0.1:9",
        region_name="us-east-1",
        config=Config(signature_version=UNSIGNED, retries={"max_attempts": 0}),
    )


def put(stack: Stack, key: str, text: str) -> None:
    for bucket in BUCKETS.values():
        client(stack.place, bucket).put_object(Bucket=bucket, Key=key, Body=text.encode())


def contents(stack: Stack) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for bucket in BUCKETS.values():
        s3 = client(stack.place, bucket)
        keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
        found[bucket] = {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode() for key in keys}
    return found


def test_a_backup_brings_back_databases_and_buckets_here_and_elsewhere(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    backup = folder / "backup"
    with stores(folder / "first") as stack:
        for name in DATABASES:
            ask(stack, name, f"create table facts as select 'of {name}' as fact")
        put(stack, "tables/a/2017-01.parquet", "one")
        saved = contents(stack)
        monkeypatch.setenv(FOLDER, str(folder / "first"))
        assert main(["save", str(backup)]) == 0
        assert main(["save", str(backup)]) == 1
        assert "is not empty" in capsys.readouterr().out
        # A backup that fails on its way leaves nothing that looks like one.
        with monkeypatch.context() as broken:
            broken.setattr("dev.stack.backup.client", unreachable)
            with pytest.raises(StackError, match="Nothing was saved"):
                save(stack, folder / "broken")
        assert not list(folder.glob("*broken*"))

        ask(stack, "dagster", "update facts set fact = 'changed'")
        ask(stack, "mlflow", "drop table facts")
        put(stack, "tables/a/2017-01.parquet", "changed")
        put(stack, "tables/a/2017-02.parquet", "later")
        restore(stack, backup)
        assert [ask(stack, name, "select fact from facts") for name in DATABASES] == [
            "of dagster",
            "of mlflow",
        ]
        assert contents(stack) == saved
        # What the services own is theirs again: they can write.
        ask(stack, "mlflow", "insert into facts values ('more')")

        (folder / "half").mkdir()
        with pytest.raises(StackError, match="no complete backup"):
            restore(stack, folder / "half")
        assert contents(stack) == saved

    with pytest.raises(StackError, match="run `make stack` first"):
        save(stack, folder / "other")

    with stores(folder / "second") as stack:
        restore(stack, backup)
        assert [ask(stack, name, "select fact from facts") for name in DATABASES] == [
            "of dagster",
            "of mlflow",
        ]
        assert contents(stack) == saved

"""`python -m dev.stack.backup save|restore FOLDER`: back up the native stack's databases and buckets.

Databases come first: whatever they refer to is then in the buckets, which are copied later. Secrets, ports
and settings are no part of a backup, so it can be restored into another stack.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from crm_assets.errors import CrmAssetsError, StackError
from dev.stack import postgres
from dev.stack.place import BUCKETS, HOST, Place, default_folder
from dev.stack.stack import ON_DEMAND, SERVICES, Stack

DATABASES = ("dagster", "mlflow")
# What holds data; everything else is stopped during a restore.
STORES = ("postgres", "s3")
REPLACE = ("--clean", "--if-exists", "--exit-on-error")
# The variables with the key of each bucket.
KEYS = {"crm-assets": "CRM", "crm-logs": "CRM", "mlflow-artifacts": "MLFLOW"}


def save(stack: Stack, folder: Path) -> None:
    """Copy databases and buckets into an empty folder.

    Raises:
        StackError: the folder is not empty, a store is not running or ends, or the disk is full; the folder
            is then as before.
    """
    if folder.exists() and any(folder.iterdir()):
        raise StackError(f"{folder} is not empty; give each backup a folder of its own.")
    _check_running(stack)
    # Half a backup must not look like a whole one.
    draft = folder.with_name(f".{folder.name}.part")
    with _sentence(f"Nothing was saved in {folder}"):
        shutil.rmtree(draft, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft.mkdir(mode=0o700)
        try:
            _copy(stack.place, draft)
            draft.replace(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def restore(stack: Stack, folder: Path) -> None:
    """Replace what is in databases and buckets by a backup; the other services are left stopped.

    Raises:
        StackError: the backup is not complete, a store is not running or ends, or a database refuses its
            dump.
    """
    missing = [f"{name}.dump" for name in DATABASES if not (folder / f"{name}.dump").is_file()]
    if missing:
        raise StackError(
            f"{folder} is no complete backup: {', '.join(missing)} missing. Nothing was changed."
        )
    _check_running(stack)
    started = [name for name in ON_DEMAND if stack.pid(name)]
    for name in (*reversed(started), *reversed(SERVICES)):
        if name not in STORES:
            stack.stop_service(name)
    with _sentence(f"{folder} is restored only in part; restore it again"):
        for name in DATABASES:
            with (folder / f"{name}.dump").open("rb") as file:
                _postgres(stack.place, "pg_restore", *REPLACE, f"--dbname={name}", stdin=file)
        for bucket in BUCKETS.values():
            s3 = client(stack.place, bucket)
            kept = {path.relative_to(folder / bucket).as_posix(): path for path in _files(folder / bucket)}
            for key in set(_keys(s3, bucket)) - set(kept):
                s3.delete_object(Bucket=bucket, Key=key)
            for key, path in kept.items():
                s3.upload_file(str(path), bucket, key)


def client(place: Place, bucket: str) -> Any:
    """Return an S3 client with the key of the service that owns the bucket."""
    key = f"{KEYS[bucket]}_S3"
    return boto3.client(
        "s3",
        endpoint_url=place.s3_endpoint,
        aws_access_key_id=place.secrets[f"{key}_ACCESS_KEY_ID"],
        aws_secret_access_key=place.secrets[f"{key}_SECRET_ACCESS_KEY"],
        region_name="us-east-1",
    )


def main(arguments: list[str]) -> int:
    """Run one command and return the exit code."""
    if len(arguments) != 2 or arguments[0] not in ("save", "restore"):
        print("Give a command and a folder: save FOLDER, or restore FOLDER.")
        return 2
    command, folder = arguments[0], Path(arguments[1]).expanduser().resolve()
    try:
        stack = Stack.at(default_folder())
        if command == "save":
            save(stack, folder)
            print(f"Saved in {folder}. Keep it where only you can read it: it holds the tables of your CRM.")
        else:
            restore(stack, folder)
            print("Restored. Run `make stack`, with your STACK_PROFILE, to start the services again.")
    except CrmAssetsError as error:
        print(error)
        return 1
    return 0


def _copy(place: Place, folder: Path) -> None:
    for name in DATABASES:
        with (folder / f"{name}.dump").open("wb") as file:
            _postgres(place, "pg_dump", "--format=custom", name, stdout=file)
    for bucket in BUCKETS.values():
        s3 = client(place, bucket)
        for key in _keys(s3, bucket):
            target = folder / bucket / key
            target.parent.mkdir(parents=True, exist_ok=True)
            s3.download_file(bucket, key, str(target))


@contextmanager
def _sentence(outcome: str) -> Generator[None]:
    """Turn the errors of stores and disk into ours, with what they leave behind."""
    try:
        yield
    except (StackError, OSError, BotoCoreError, ClientError, Boto3Error) as error:
        raise StackError(f"{outcome}: {error}") from error


def _check_running(stack: Stack) -> None:
    for name in STORES:
        if not stack.healthy(name):
            raise StackError(f"The service {name} is not running; run `make stack` first.")


def _postgres(place: Place, program: str, *arguments: str, stdin: Any = None, stdout: Any = None) -> None:
    connection = {
        "PGHOST": HOST,
        "PGPORT": str(place.ports["POSTGRES_PORT"]),
        "PGUSER": "postgres",
        "PGPASSWORD": place.secrets["POSTGRES_PASSWORD"],
    }
    done = subprocess.run(
        [str(postgres.programs() / program), *arguments],
        env=os.environ | connection,
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        check=False,
    )
    if done.returncode:
        raise StackError(f"{program} failed: {done.stderr.decode(errors='replace').strip()}")


def _keys(s3: Any, bucket: str) -> Iterator[str]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        yield from (entry["Key"] for entry in page.get("Contents", []) if not entry["Key"].endswith("/"))


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

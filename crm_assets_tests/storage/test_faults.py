"""Faults of the store: after each, a table is either the old or the new one, and no other file is left."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import boto3
import botocore
import pyarrow as pa
import pytest
from botocore.client import Config
from botocore.exceptions import ClientError

from crm_assets.errors import StorageError
from crm_assets.settings import Settings
from crm_assets.storage import retries
from crm_assets.storage.bucket import Bucket
from crm_assets.storage.choice import open_store
from crm_assets.storage.folder import Folder
from crm_assets.storage.tables import TableStore
from crm_assets_tests.storage.conftest import open_again
from dev.stack.stack import Stack
from dev.waiting import crowding

NUMBERS = pa.schema([("n", pa.int64())])
# More than the buffers between client and server hold, so that a stopped server receives only a part.
BIG = pa.table({"n": [hash(f"{n}") for n in range(4_000_000)]}, schema=NUMBERS)


@pytest.fixture
def running_s3(s3: Stack) -> Iterator[Stack]:
    """Yield the S3 server, and start it again after the test."""
    yield s3
    s3.start_service("s3")


def numbers(store: TableStore) -> list[int]:
    return store.read("t").to_pyarrow()["n"].to_pylist()


def test_a_server_that_dies_during_a_write_and_comes_back_is_waited_for(
    running_s3: Stack, bucket: Bucket
) -> None:
    store = TableStore(bucket)
    store.write("t", pa.table({"n": [1]}), NUMBERS)
    # A stopped server gets only what the buffers hold, so the write is half done when it dies.
    running_s3.kill("s3", signal.SIGSTOP)
    writer = threading.Thread(target=store.write, args=("t", BIG, NUMBERS))
    writer.start()
    time.sleep(2)
    assert writer.is_alive()
    running_s3.stop_service("s3", hard=True)
    assert writer.is_alive()
    running_s3.start_service("s3")
    writer.join(retries.OUTAGE_SECONDS)
    assert not writer.is_alive()
    assert store.rows("t") == TableStore(open_again(bucket)).rows("t") == BIG.num_rows
    assert store.files.keys("") == ["t.parquet"]


def test_a_server_that_stays_away_is_told_and_the_old_table_is_there_when_it_is_back(
    running_s3: Stack, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = TableStore(bucket)
    store.write("t", pa.table({"n": [1]}), NUMBERS)
    running_s3.stop_service("s3", hard=True)
    with monkeypatch.context() as impatient:
        # In the class's own module: other tests load the package anew.
        impatient.setitem(Bucket._call.__globals__, "OUTAGE_SECONDS", 2)
        with pytest.raises(StorageError, match=r"Cannot write s3://.*t\.parquet: .* does not answer"):
            store.write("t", pa.table({"n": [2]}), NUMBERS)
    running_s3.start_service("s3")
    assert numbers(store) == numbers(TableStore(open_again(bucket))) == [1]


@pytest.mark.parametrize("place", ["folder", "bucket"])
def test_a_killed_writer_leaves_the_old_table_and_the_next_process_tidies_up(
    place: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_HOME", str(tmp_path / "home"))
    if place == "bucket":
        request.getfixturevalue("bucket")
    store = open_store(Settings())
    store.write("t", pa.table({"n": [1]}), NUMBERS)
    script = """
        import os, signal, pyarrow as pa
        from crm_assets.settings import get_settings
        from crm_assets.storage import tables

        def half_a_file(self, table, schema, path):
            path.write_bytes(b"PAR1")
            os.kill(os.getpid(), signal.SIGKILL)

        tables.TableStore._write_file = half_a_file
        from crm_assets.storage.choice import open_store
        open_store(get_settings()).write("t", None, pa.schema([("n", pa.int64())]))
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False)
    assert killed.returncode == -signal.SIGKILL
    left = set((tmp_path / "home" / "scratch").glob("process-*/"))
    assert numbers(store) == [1]
    assert store.files.keys("") == ["source.json", "t.parquet"]
    open_store(Settings()).write("other", pa.table({"n": [1]}), NUMBERS)
    gone = left - set((tmp_path / "home" / "scratch").glob("process-*/"))
    assert len(gone) == 1, "that of the killed process, and none of this one"


def test_a_full_disk_leaves_the_old_table(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    small = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    if subprocess.run(small, check=False, capture_output=True).returncode:
        pytest.skip("only who may mount can make a small disk")
    try:
        store = TableStore(Folder(disk / "tables"))
        store.write("t", pa.table({"n": [1]}), NUMBERS)
        with pytest.raises(StorageError, match=r"Cannot write .*t\.parquet: .*No space left.* has room"):
            store.write("t", BIG, NUMBERS)
        assert numbers(store) == [1]
        assert store.files.keys("") == ["t.parquet"]
        store.write("t", pa.table({"n": [2]}), NUMBERS)
        assert numbers(store) == [2]
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


WRONG: dict[str, tuple[dict[str, str], str]] = {
    "no credentials": (
        {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""},
        "the S3 credentials are missing or incomplete",
    ),
    "half of the credentials": (
        {"AWS_SECRET_ACCESS_KEY": ""},
        "the S3 credentials are missing or incomplete",
    ),
    "an unknown key": (
        {"AWS_ACCESS_KEY_ID": "nobody"},
        r"does not accept .* \(InvalidAccessKeyId\)",
    ),
    "a wrong secret": (
        {"AWS_SECRET_ACCESS_KEY": "guess"},
        r"does not accept the credentials \(SignatureDoesNotMatch\)",
    ),
    "a bucket that is another's": ({"CRM_S3_BUCKET": "another"}, "does not allow it with these credentials"),
    "a profile that is not there": (
        {"AWS_PROFILE": "nobody"},
        "the S3 credentials are missing or incomplete",
    ),
    "a server without encryption": (
        {"CRM_S3_ENDPOINT": "https"},
        "a secure connection to https://.* failed .* AWS_CA_BUNDLE",
    ),
    "a region that is none": (
        {"AWS_DEFAULT_REGION": "eu west 1"},
        "region_name .* check CRM_S3_ENDPOINT and the",
    ),
    "a name that nobody has": (
        {"CRM_S3_ENDPOINT": "http://nobody.invalid:9000"},
        r"the S3 server at http://nobody.invalid:9000 does not answer .*CRM_STORAGE=local",
    ),
}


@pytest.mark.parametrize(("variables", "says"), WRONG.values(), ids=WRONG)
def test_a_store_that_cannot_be_used_is_told_in_a_sentence(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], says: str
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name, value in variables.items():
        real = f"https://{bucket.s3.endpoint_url}".replace("http://", "") if value == "https" else value
        monkeypatch.setenv(name, real) if value else monkeypatch.delenv(name)
    with pytest.raises(StorageError, match=says) as caught:
        TableStore(open_store(Settings()).files).write("t", pa.table({"n": [1]}), NUMBERS)
    assert "\n" not in str(caught.value)
    assert not (Settings().tables_dir).exists(), "it fell back to the folder"


def test_a_missing_bucket_is_named(s3: Stack, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = s3.place.secrets
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys["MINIO_ROOT_USER"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys["MINIO_ROOT_PASSWORD"])
    monkeypatch.setenv("CRM_S3_BUCKET", "not-made-yet")
    with pytest.raises(StorageError, match=r"there is no bucket not-made-yet at .*; create it, or"):
        open_store(Settings()).files.check()


@pytest.mark.parametrize("silent", [False, True], ids=["nothing listens", "who listens is silent"])
def test_an_unreachable_server_ends_a_run_within_15_seconds_with_one_sentence(
    silent: bool, small_dump: Path, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
        if not silent:
            listener.close()
        environment = os.environ | {
            "CRM_DATA_DIR": str(small_dump),
            "CRM_HOME": str(tmp_path / "home"),
            "DAGSTER_HOME": str(tmp_path),
            "CRM_S3_ENDPOINT": endpoint,
            "AWS_ACCESS_KEY_ID": "a",
            "AWS_SECRET_ACCESS_KEY": "b",
        }
        start = time.monotonic()
        command = [sys.executable, "-m", "crm_assets"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        seconds = time.monotonic() - start
    last = done.stdout.splitlines()[-1]
    assert done.returncode == 1
    assert f"the S3 server at {endpoint} does not answer" in last
    assert "Traceback" not in done.stdout + done.stderr
    assert not (tmp_path / "home" / "tables").exists()
    assert seconds < 15 * crowding()


def test_strangers_get_nothing(s3: Stack, bucket: Bucket) -> None:
    TableStore(bucket).write("t", pa.table({"n": [1]}), NUMBERS)
    keys, target = s3.place.secrets, {"Bucket": bucket.bucket, "Key": f"{bucket.prefix}/t.parquet"}
    anonymous = {"config": Config(signature_version=botocore.UNSIGNED)}
    neighbor = {
        "aws_access_key_id": keys["MLFLOW_S3_ACCESS_KEY_ID"],
        "aws_secret_access_key": keys["MLFLOW_S3_SECRET_ACCESS_KEY"],
    }
    for who in (anonymous, neighbor):
        client = boto3.client("s3", endpoint_url=s3.place.s3_endpoint, region_name="us-east-1", **who)
        attempts = [
            lambda client=client: client.get_object(**target),
            lambda client=client: client.put_object(**target, Body=b""),
            lambda client=client: client.delete_object(**target),
            lambda client=client: client.list_objects_v2(Bucket=bucket.bucket),
        ]
        for attempt in attempts:
            with pytest.raises(ClientError, match="AccessDenied"):
                attempt()
    assert numbers(TableStore(open_again(bucket))) == [1]

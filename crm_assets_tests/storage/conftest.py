"""Both places that keep tables: a folder, and a bucket of a real S3 server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crm_assets.settings import Settings
from crm_assets.storage.bucket import Bucket
from crm_assets.storage.choice import open_store
from crm_assets.storage.files import Files
from crm_assets.storage.folder import Folder
from crm_assets.storage.tables import TableStore
from dev.stack.stack import Stack


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Start a real S3 server with the buckets and credentials of the deployed stack."""
    stack = Stack.start(tmp_path_factory.mktemp("s3"), services=("s3",), settings={})
    yield stack
    stack.stop()


@pytest.fixture
def s3_settings(s3: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """Return settings for a new folder in the bucket; credentials are in the environment."""
    for name, value in s3.environment().items():
        if name.startswith(("AWS_", "CRM_S3_")):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("CRM_S3_PREFIX", tmp_path.name)
    monkeypatch.setenv("CRM_HOME", str(tmp_path / "home"))
    return Settings()


@pytest.fixture
def bucket(s3_settings: Settings) -> Bucket:
    files = open_store(s3_settings).files
    assert isinstance(files, Bucket)
    return files


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> TableStore:
    """Return a table store, once per place."""
    if request.param == "bucket":
        return TableStore(request.getfixturevalue("bucket"))
    return TableStore(Folder(tmp_path / "tables"))


def open_again(files: Files) -> Files:
    """Return the same store as another process sees it."""
    if isinstance(files, Bucket):
        return Bucket(files.bucket, files.prefix, files.s3, files.scratch_root)
    assert isinstance(files, Folder)
    return Folder(files.base)

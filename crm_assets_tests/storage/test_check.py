"""`make storage-check`: which store is in force, why, and whether it works."""

from __future__ import annotations

import pytest

from crm_assets.console import storage_check
from crm_assets.console.terminal import run_command
from crm_assets.settings import Settings
from crm_assets.storage.bucket import Bucket


def test_a_folder_is_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert storage_check.main() == 0
    told = capsys.readouterr().out
    assert (
        f"local (CRM_STORAGE=auto, and no S3 endpoint is set)\nTables     {Settings().tables_dir}\n" in told
    )
    assert "sample:8800-seed-7: SYNTHETIC sample" in told
    assert "They are   of no recorded source" in told
    assert "written, read and removed" in told
    assert list(Settings().tables_dir.iterdir()) == []


def test_a_bucket_is_checked(capsys: pytest.CaptureFixture[str], bucket: Bucket) -> None:
    assert storage_check.main() == 0
    told = capsys.readouterr().out
    assert "s3 (CRM_STORAGE=auto, and an S3 endpoint is set)" in told
    assert f"Server     {Settings().s3_endpoint}\nTables     s3://crm-assets/{bucket.prefix}" in told
    assert "written, read and removed" in told
    assert bucket.keys("") == []


def test_what_is_wrong_is_told_and_shows_no_secret(
    capsys: pytest.CaptureFixture[str], bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-wrong-secret")
    assert run_command(storage_check.main) == 1
    told = capsys.readouterr().out
    assert "✗ Cannot use s3://crm-assets/" in told
    assert "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in told
    assert "a-wrong-secret" not in told

"""A file is written whole, or is as before."""

from __future__ import annotations

from pathlib import Path

import pytest

from crm_assets.files import write_whole


def test_a_file_is_replaced_as_a_whole_and_nothing_else_stays(tmp_path: Path) -> None:
    file = tmp_path / "new" / "file.txt"
    for content in (b"first", b"second"):
        write_whole(file, content)
        assert file.read_bytes() == content
    assert [path.name for path in file.parent.iterdir()] == ["file.txt"]


def test_a_private_file_is_for_its_owner_only_from_its_first_byte(tmp_path: Path) -> None:
    write_whole(tmp_path / "keys", b"secret", private=True)
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_written_is_as_before(tmp_path: Path) -> None:
    # A folder of this name cannot be replaced by a file.
    (tmp_path / "file").mkdir()
    with pytest.raises(OSError, match="file"):
        write_whole(tmp_path / "file", b"content")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]

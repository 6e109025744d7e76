"""Files in a folder on this machine."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from crm_assets.errors import StorageError
from crm_assets.storage.scratch import Scratch

# Where former tables and registries are, each in a folder that works as a home again.
ASIDE = "put-aside"


@dataclass(frozen=True)
class Folder:
    """Files under a base folder; see `Files` for what each method promises.

    Attributes:
        base: the folder; created by the first write.
        scratch_root: where drafts are, on the same file system; beside the base by default.
    """

    base: Path
    scratch_root: Path | None = None

    @cached_property
    def _scratch(self) -> Scratch:
        return Scratch(self.scratch_root or self.base.parent / "scratch")

    def where(self, key: str) -> str:
        """Return the address of a file."""
        return str(self.base / key)

    def exists(self, key: str) -> bool:
        """Return whether a file is stored."""
        return (self.base / key).exists()

    def keys(self, folder: str) -> list[str]:
        """List the keys in a folder."""
        there = (path for path in (self.base / folder).rglob("*") if path.is_file())
        return sorted(path.relative_to(self.base).as_posix() for path in there)

    def fetch(self, keys: list[str]) -> list[Path | None]:
        """Return the path of each file; None if it is missing."""
        return [self.base / key if self.exists(key) else None for key in keys]

    def draft(self) -> Path:
        """Return a path for a file that is not published yet."""
        with _told("write", self.base):
            return self._scratch.file()

    def publish(self, draft: Path, key: str) -> None:
        """Store a draft under the key, whole or not at all."""
        target = self.base / key
        with _told("write", target):
            target.parent.mkdir(parents=True, exist_ok=True)
            draft.chmod(0o644)
            # After a power cut, the name must not exist without the content.
            with draft.open("rb") as file:
                os.fsync(file.fileno())
            draft.replace(target)

    def remove(self, key: str) -> None:
        """Remove a file."""
        with _told("remove", self.base / key):
            (self.base / key).unlink(missing_ok=True)

    def put_aside(self, label: str) -> str:
        """Move the folder with everything in it, in one step."""
        target = self.base.parent / ASIDE / label / self.base.name
        with _told("move the tables to", target):
            target.parent.mkdir(parents=True, exist_ok=True)
            self.base.rename(target)
        return str(target)

    def check(self) -> None:
        """Do nothing: the folder is local, so the first write shows whether it is usable."""


@contextmanager
def _told(verb: str, path: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(cannot(verb, path, error)) from error


def cannot(verb: str, path: Path | str, error: OSError) -> str:
    """Say why the operating system refused."""
    reason = error.strerror or str(error)
    return f"Cannot {verb} {path}: {reason}; check that the folder exists, is writable and has room."

"""What the table store needs from the place that keeps its files."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class Files(Protocol):
    """Files by key, for example `win_features/2017-03.parquet`; each is whole or missing."""

    def where(self, key: str) -> str:
        """Return the address of a file, as people see it."""
        ...

    def exists(self, key: str) -> bool:
        """Return whether a file is stored under the key."""
        ...

    def keys(self, folder: str) -> list[str]:
        """List the keys in a folder and its subfolders, in order."""
        ...

    def fetch(self, keys: list[str]) -> list[Path | None]:
        """Return each file as it is now, as a local file; None if it is missing."""
        ...

    def draft(self) -> Path:
        """Return a path for a file that is not published yet."""
        ...

    def publish(self, draft: Path, key: str) -> None:
        """Store a draft under the key, in place of what was there: whole or not at all."""
        ...

    def remove(self, key: str) -> None:
        """Remove a file."""
        ...

    def put_aside(self, label: str) -> str:
        """Move every file to a new place beside this one, and return its address; delete nothing."""
        ...

    def check(self) -> None:
        """Raise a `StorageError` soon if the place is not usable."""
        ...

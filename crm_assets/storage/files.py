"""What the table store asks of the place that keeps its files."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class Files(Protocol):
    """Files by key, as `win_features/2017-03.parquet`, each whole or not there at all."""

    def where(self, key: str) -> str:
        """The address of a file, as people are shown it."""
        ...

    def exists(self, key: str) -> bool:
        """Whether a file is kept under the key."""
        ...

    def keys(self, folder: str) -> list[str]:
        """The keys in a folder, and in those below it, in order."""
        ...

    def fetch(self, keys: list[str]) -> list[Path | None]:
        """Each file as it is now, as a file of this machine; None where there is none."""
        ...

    def draft(self) -> Path:
        """Where a file may be written before it is published."""
        ...

    def publish(self, draft: Path, key: str) -> None:
        """Keep a draft under the key, in place of what was there: at once, or not at all."""
        ...

    def remove(self, key: str) -> None:
        """Remove a file."""
        ...

    def put_aside(self, label: str) -> str:
        """Move every file to a place of its own beside this one, and return its address; deletes nothing."""
        ...

    def check(self) -> None:
        """Raise a `StorageError` where the place cannot be used, soon rather than late."""
        ...

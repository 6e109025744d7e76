"""Scratch folders, where a process keeps unfinished files; leftovers of killed processes are removed."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import weakref
from pathlib import Path

from filelock import FileLock, Timeout


class Scratch:
    """A folder under `root` that only this process uses and that is removed with it.

    Each scratch folder has a lock file beside it. The operating system frees the lock when the process
    ends, however it ends. A process that opens a scratch folder removes those whose lock is free.
    """

    def __init__(self, root: Path) -> None:
        """Make the folder.

        Raises:
            OSError: the root cannot be created or written.
        """
        root.mkdir(parents=True, exist_ok=True)
        # One process at a time, so that none mistakes a new folder for a leftover.
        with FileLock(root / "lock"):
            _remove_abandoned(root)
            self.folder = Path(tempfile.mkdtemp(dir=root, prefix="process-"))
            lock = _lock_of(self.folder)
            lock.acquire()
        self._names = itertools.count()
        weakref.finalize(self, _remove, self.folder, lock)

    def file(self) -> Path:
        """Return a new path in the folder."""
        return self.folder / f"{next(self._names)}"


def _lock_of(folder: Path) -> FileLock:
    return FileLock(folder.with_suffix(".lock"))


def _remove_abandoned(root: Path) -> None:
    for folder in root.glob("process-*/"):
        lock = _lock_of(folder)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            continue
        _remove(folder, lock)


def _remove(folder: Path, lock: FileLock) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    lock.release()
    Path(lock.lock_file).unlink(missing_ok=True)

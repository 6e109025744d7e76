"""Scratch folders: where a process keeps unfinished files, and what killed processes left is removed."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import weakref
from pathlib import Path

from filelock import FileLock, Timeout


class Scratch:
    """A folder of this process alone under `root`, gone with the process.

    Each scratch folder has a lock file beside it, which the operating system frees when its process ends,
    however it ends. Who opens a scratch folder removes those whose lock is free.
    """

    def __init__(self, root: Path) -> None:
        """Make the folder.

        Raises:
            OSError: the root cannot be made or written.
        """
        root.mkdir(parents=True, exist_ok=True)
        # One at a time, lest a folder that is being made is taken for one that was left.
        with FileLock(root / "lock"):
            _remove_abandoned(root)
            self.folder = Path(tempfile.mkdtemp(dir=root, prefix="process-"))
            lock = _lock_of(self.folder)
            lock.acquire()
        self._names = itertools.count()
        weakref.finalize(self, _remove, self.folder, lock)

    def file(self) -> Path:
        """A path in the folder that was not given before."""
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

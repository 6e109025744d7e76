"""Turn the many errors of a full disk or too little memory into one sentence with a remedy."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from crm_assets.errors import StorageError
from crm_assets.settings import get_settings

FULL_DISK = (
    "No space left on device",
    "database or disk is full",
    "Disk quota exceeded",
    # DuckDB, when it has no room to spill.
    "max_temp_directory_size",
)
# SQLite says this about a full disk, but also about other faults: it counts only if a disk really is full.
PERHAPS_FULL = ("disk I/O error", "unable to open database file")
MEGABYTE = 1_000_000
MEMORY_ERRORS = frozenset({"MemoryError", "_ArrayMemoryError", "OutOfMemoryException", "ArrowMemoryError"})
NO_MEMORY = (
    "bad_alloc",
    "Cannot allocate memory",
    "Out of Memory Error",
    "can't start new thread",
    # The dynamic loader, when a library does not fit into memory.
    "failed to map segment",
)
OURS = ("The disk is full", "The table engine needs more memory", "There is too little memory")
ENGINE = "OutOfMemoryException"


def sentence(kind: str, message: str) -> str | None:
    """Describe a full disk or too little memory, with a remedy; return None if an error is neither.

    Args:
        kind: the name of the error's class.
        message: the error's message.
    """
    if message.startswith(OURS):
        return message.strip()
    signs = (*FULL_DISK, *PERHAPS_FULL) if _full() else FULL_DISK
    if what := _line_with(signs, message):
        return _full_disk(what)
    what, limit = _line_with(NO_MEMORY, message) or kind, get_settings().engine_memory
    if kind == ENGINE:
        return (
            f"{OURS[1]} than CRM_ENGINE_MEMORY={limit} ({what}). If this machine has more, raise the "
            "setting and run again."
        )
    if kind in MEMORY_ERRORS or what != kind:
        return (
            f"{OURS[2]} ({what}). Do one of these and run again: lower CRM_ENGINE_MEMORY={limit}, so that "
            "tables spill to disk sooner; set CRM_EXECUTOR=multiprocess, which frees the memory after each "
            "step; or close other programs."
        )
    return None


def told(error: BaseException) -> str | None:
    """Return the sentence for an error or one of its causes; None if none of them is a shortage."""
    found = (sentence(type(cause).__name__, f"{cause}") for cause in causes(error))
    return next((text for text in found if text), None)


def raise_told(error: BaseException) -> None:
    """Raise a shortage as a sentence; do nothing if the error is not a shortage and no disk is full.

    Raises:
        StorageError: the disk is full, or there is too little memory.
    """
    # MLflow tries twice, and its second error hides the first one: so look at the disk as well.
    if text := told(error) or (_full_disk(type(error).__name__) if _full() else None):
        raise StorageError(text) from error


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes, the outermost first."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _full_disk(what: str) -> str:
    return (
        f"{OURS[0]} ({what}). Free space: {_free()}. Make room there, or set CRM_HOME, DAGSTER_HOME or "
        "TMPDIR to a folder with more room; then run again. Tables that were stored before are kept."
    )


def _line_with(signs: Iterable[str], message: str) -> str | None:
    """Return the first line of a message that has one of the signs."""
    return next((line.strip() for line in message.splitlines() if any(sign in line for sign in signs)), None)


def _folders() -> dict[str, Path]:
    """Return the folders that a run writes to."""
    return {
        "CRM_HOME": get_settings().home,
        "DAGSTER_HOME": Path(os.environ.get("DAGSTER_HOME") or "."),
        "temporary files": Path(tempfile.gettempdir()),
    }


def _bytes(folder: Path) -> int:
    """Return the free space, in bytes, where a folder is or would be created."""
    there = next(place for place in (folder.resolve(), *folder.resolve().parents) if place.exists())
    return shutil.disk_usage(there).free


def _full() -> bool:
    return any(_bytes(folder) < MEGABYTE for folder in _folders().values())


def _free() -> str:
    places = _folders().items()
    return ", ".join(f"{_bytes(folder) // MEGABYTE:,} MB for {name} ({folder})" for name, folder in places)

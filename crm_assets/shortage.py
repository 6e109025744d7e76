"""A full disk and too little memory: each library says it in its own way, people read one sentence."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from crm_assets.errors import StorageError
from crm_assets.settings import get_settings

FULL_DISK = (
    "No space left on device",
    "database or disk is full",
    "Disk quota exceeded",
    # DuckDB, where what it spills finds no room.
    "max_temp_directory_size",
)
MEMORY_ERRORS = frozenset({"MemoryError", "_ArrayMemoryError", "OutOfMemoryException", "ArrowMemoryError"})
NO_MEMORY = ("bad_alloc", "Cannot allocate memory", "Out of Memory Error", "can't start new thread")
ENGINE = "OutOfMemoryException"
MEGABYTE = 1_000_000


def sentence(kind: str, message: str) -> str | None:
    """A full disk or too little memory as a sentence with a remedy; None where an error is neither.

    Args:
        kind: the name of the error's class.
        message: what it says.
    """
    what = next((line.strip() for line in message.splitlines() if line.strip()), kind)
    if any(sign in message for sign in FULL_DISK):
        return (
            f"The disk is full: {what} Free space: {_free()}. Make room there, or set CRM_HOME, DAGSTER_HOME "
            "or TMPDIR to a folder with more, and run again; tables that were stored before are kept."
        )
    if kind == ENGINE:
        return (
            f"The table engine needs more than CRM_ENGINE_MEMORY={get_settings().engine_memory}: {what} "
            "Raise it, if this machine has more, and run again."
        )
    if kind in MEMORY_ERRORS or any(sign in message for sign in NO_MEMORY):
        return (
            f"There is too little memory: {what} Lower CRM_ENGINE_MEMORY (now "
            f"{get_settings().engine_memory}), so that tables spill to disk sooner, set CRM_EXECUTOR=multiprocess, which returns the memory of "
            "each step, or close other programs; then run again."
        )
    return None


def told(error: BaseException) -> str | None:
    """The sentence of an error, or of whatever caused it; None where it is no shortage."""
    found = (sentence(type(cause).__name__, f"{cause}") for cause in causes(error))
    return next((text for text in found if text), None)


def raise_told(error: BaseException) -> None:
    """Raise a shortage as a sentence; do nothing where it is none.

    Raises:
        StorageError: it is a shortage.
    """
    if text := told(error):
        raise StorageError(text) from error


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what caused it, the outermost first."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _free() -> str:
    """The free space of each folder that a run writes to."""
    folders = {
        "CRM_HOME": get_settings().home,
        "DAGSTER_HOME": Path(os.environ.get("DAGSTER_HOME") or "."),
        "temporary files": Path(tempfile.gettempdir()),
    }
    return ", ".join(f"{_megabytes(folder)} for {name} ({folder})" for name, folder in folders.items())


def _megabytes(folder: Path) -> str:
    there = next((place for place in (folder, *folder.parents) if place.exists()), Path("/"))
    return f"{shutil.disk_usage(there).free // MEGABYTE:,} MB"

"""Move the files of the embedded registry with the tables when another source takes the home."""

from __future__ import annotations

from pathlib import Path

from crm_assets.errors import StorageError
from crm_assets.settings import Settings
from crm_assets.storage.folder import ASIDE, cannot

# SQLite keeps up to three more files beside a database; they move with it.
DATABASE = ("", "-wal", "-shm", "-journal")


def move_registry(settings: Settings, label: str) -> Path | None:
    """Move the embedded registry to where `Folder.put_aside` moves tables.

    Args:
        settings: the settings in force.
        label: the folder's name.

    Returns:
        Where it is now; None if there is no embedded registry.

    Raises:
        StorageError: it cannot be moved.
    """
    if settings.mlflow_tracking_uri:
        return None
    parts = [settings.home / f"mlflow.db{ending}" for ending in DATABASE] + [settings.artifacts_dir]
    there = [part for part in parts if part.exists()]
    if not there:
        return None
    target = settings.home / ASIDE / label
    try:
        target.mkdir(parents=True, exist_ok=True)
        for part in there:
            part.rename(target / part.name)
    except OSError as error:
        raise StorageError(cannot("move the registry to", target, error)) from error
    return target

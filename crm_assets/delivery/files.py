"""Files for people: their names, and writing them whole."""

from __future__ import annotations

import re
from pathlib import Path

from crm_assets.errors import StorageError
from crm_assets.files import write_whole

EXPORTS = Path("exports")


def name_part(text: str) -> str:
    """Return a text as a part of a file's name, on every system.

    >>> name_part("Dustin Brinkmann / West")
    'Dustin_Brinkmann_West'
    """
    return re.sub(r"[^\w.-]+", "_", text)


def write(folder: Path, name: str, content: bytes) -> Path:
    """Write a file, whole or not at all, and return where it is.

    Raises:
        StorageError: the folder cannot be written.
    """
    file = folder / name
    try:
        write_whole(file, content)
    except OSError as error:
        raise StorageError(
            f"{file} cannot be written ({error.strerror}): check the folder, or choose another (--folder)."
        ) from error
    return file

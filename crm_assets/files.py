"""Write a file whole: whoever reads it finds the old content or the new one, never half of it."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4


def write_whole(path: Path, content: bytes, *, private: bool = False) -> None:
    """Write a file, whole or not at all; make its folder if it is missing.

    Args:
        path: the file.
        content: all of it.
        private: whether only its owner may read it.

    Raises:
        OSError: the file cannot be written; it is as before.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{uuid4().hex}.part")
    rights = 0o600 if private else 0o666
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, rights), "wb") as file:
            file.write(content)
            file.flush()
            # After a power cut, the name must not exist without the content.
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)

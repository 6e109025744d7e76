"""Whether a stored file is whole: somebody, or a broken disk, may have cut it off."""

from __future__ import annotations

import os
from pathlib import Path

# A parquet file begins and ends with this; see "File Format" in the documentation of Apache Parquet.
MAGIC = b"PAR1"


def is_whole(path: Path) -> bool:
    """Return whether a parquet file begins and ends like one."""
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC or file.seek(0, os.SEEK_END) < 2 * len(MAGIC):
            return False
        file.seek(-len(MAGIC), os.SEEK_END)
        return file.read() == MAGIC

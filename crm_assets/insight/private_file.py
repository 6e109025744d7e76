"""Files of people and keys, which only their owner may read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml


def write_private(path: Path, content: Any) -> None:
    """Write a YAML file that only its owner may read; it is whole or as before."""
    draft = path.with_name(f".{path.name}.part")
    private = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(private, "w", encoding="utf-8") as file:
        yaml.safe_dump(content, file, sort_keys=False, allow_unicode=True)
    draft.replace(path)

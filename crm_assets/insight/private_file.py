"""Files of people and keys, which only their owner may read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from crm_assets.files import write_whole


def write_private(path: Path, content: Any) -> None:
    """Write a YAML file that only its owner may read; it is whole or as before."""
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    write_whole(path, text.encode(), private=True)

"""Where pulled records land: one CSV file for each kind of record, all replaced at once."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from crm_assets.errors import StorageError


def flat(record: dict[str, Any]) -> dict[str, str | None]:
    """Return a record as texts: each value named by its path, links to other records as their ids.

    >>> flat({"id": 1, "owner": {"name": "Ann"}, "companies": [{"id": "7"}, {"id": "8"}], "rest": [1]})
    {'id': '1', 'owner.name': 'Ann', 'companies': '7;8'}
    """
    found: dict[str, str | None] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            # Salesforce says of each record where it lies.
            if set(value) != {"type", "url"}:
                found |= {f"{name}.{inner}": text for inner, text in flat(value).items()}
        elif isinstance(value, list):
            if value and all(isinstance(one, dict) and "id" in one for one in value):
                found[name] = ";".join(dict.fromkeys(str(one["id"]) for one in value))
        else:
            found[name] = None if value is None else str(value)
    return found


class Landing:
    """Collects records, and writes their files once all are there."""

    def __init__(self, folder: Path) -> None:
        """Prepare to write into a folder, which is created when needed."""
        self.folder = folder
        self.parts: dict[str, list[pd.DataFrame]] = {}

    def add(self, name: str, records: pd.DataFrame) -> None:
        """Add records of a kind; a kind without records has no file."""
        self.parts.setdefault(name, []).append(records)

    def write(self, names: Iterable[str]) -> list[Path]:
        """Write the files of the kinds of records that were asked for, in place of the last pull's.

        Raises:
            StorageError: they cannot be written; those of the last pull stay.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(dir=self.folder, prefix=".pull-") as draft:
                for name, parts in self.parts.items():
                    table = pd.concat(parts, ignore_index=True)
                    if len(table):
                        table.to_csv(Path(draft) / f"{name}.csv", index=False)
                written = [path.replace(self.folder / path.name) for path in sorted(Path(draft).iterdir())]
            for name in names:
                if self.folder / f"{name}.csv" not in written:
                    (self.folder / f"{name}.csv").unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(
                f"Cannot write the pulled files to {self.folder}: {error.strerror}; set CRM_DATA_DIR to a "
                "folder that you can write to."
            ) from error
        return written

"""Where scores go: `targets/` has a file for each CRM, with the names of its fields and of its interface."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from crm_assets.delivery.safe_text import safe
from crm_assets.errors import SettingsError, StorageError
from crm_assets.files import write_whole
from crm_assets.writeback.scores import Score

_FOLDER = files("crm_assets.writeback") / "targets"
CRMS = tuple(
    sorted(one.name.removesuffix(".yaml") for one in _FOLDER.iterdir() if one.name.endswith(".yaml"))
)


@dataclass(frozen=True)
class Target:
    """One CRM, as its file describes it.

    Attributes:
        name: the name of the file, which is also that of the preset.
        columns: the fields of a score by the header of the import file.
        words: values that the CRM spells otherwise, by field.
        interface: what `writeback.apis` needs to know; None if the CRM takes files only.
    """

    name: str
    columns: dict[str, str]
    words: dict[str, dict[str, Any]]
    interface: dict[str, Any] | None

    def row(self, score: Score) -> dict[str, Any]:
        """Return a score under the CRM's own names."""
        values = asdict(score)
        return {
            header: self.words.get(name, {}).get(values[name], values[name])
            for header, name in self.columns.items()
        }


def target(crm: str) -> Target:
    """Return the target with this name.

    Raises:
        SettingsError: there is none.
    """
    if crm not in CRMS:
        raise SettingsError(f"There is no write-back to {crm!r}; name one of {', '.join(CRMS)}.")
    told = yaml.safe_load((_FOLDER / f"{crm}.yaml").read_text("utf-8"))
    return Target(crm, told["columns"], told.get("words", {}), told.get("interface"))


def write_file(goal: Target, scores: list[Score], path: Path) -> None:
    """Write scores as a CSV file that the CRM imports, whole or not at all.

    Raises:
        StorageError: the file cannot be written.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, list(goal.columns), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({name: safe(value) for name, value in goal.row(score).items()} for score in scores)
    try:
        write_whole(path, text.getvalue().encode())
    except OSError as error:
        raise StorageError(f"Cannot write {path}: {error.strerror}; make room and run again.") from error

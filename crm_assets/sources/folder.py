"""What every folder of CRM files has in common, whoever made them."""

from __future__ import annotations

import hashlib
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from crm_assets.crm.months import MonthRange
from crm_assets.crm.schema import RawTable
from crm_assets.sources.quarantine import Sifted


@dataclass(frozen=True)
class Folder(ABC):
    """Raw tables from files in one place.

    Attributes:
        folder: where the files are: a folder, a zip archive, or a workbook.
        description: one line for people.
        name: what the source is called.
        quarantines: whether bad rows are quarantined.
        max_bad_share: the largest share of a table's rows that quarantine takes.
        synthetic: whether the data is made up.
        given_name: the name of this CRM in the settings, wherever its folder lies.
    """

    folder: Path
    description: str
    name: str = "csv"
    quarantines: bool = False
    max_bad_share: float = 1.0
    synthetic: bool = False
    given_name: str | None = None

    @property
    def identity(self) -> str:
        """The name from the settings, else the folder's name with a hash of its path."""
        return f"{self.name}:{self.given_name or path_name(self.folder)}"

    @property
    def known_months(self) -> MonthRange | None:
        """None: a folder's months are unknown until it is read."""
        return None

    @abstractmethod
    def take(self, *tables: RawTable) -> dict[str, Sifted]:
        """Read some raw tables, each file once; quarantine rows that break a rule if the source does so."""

    def read(self, table: RawTable) -> pa.Table:
        """Return the rows of one raw table, as `take` gives them."""
        return self.take(table)[table.name].rows


def path_name(folder: Path) -> str:
    """Return a folder's name with a hash of its whole path: short, stable and unique.

    >>> path_name(Path("/data/My CRM"))
    'My-CRM-ddf8b9'
    """
    mark = hashlib.sha256(folder.as_posix().encode("utf-8", "surrogateescape")).hexdigest()[:6]
    return f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', folder.name)}-{mark}"

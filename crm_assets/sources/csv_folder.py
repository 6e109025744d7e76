"""A folder of CSV files or workbooks, one for each raw table; or a zip archive or one workbook of them."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from crm_assets.crm.months import MonthRange
from crm_assets.crm.schema import RAW_SALES_PIPELINE, RAW_TABLES, RawTable
from crm_assets.errors import BadInputError, SourceUnavailableError
from crm_assets.sources.calendar import covered_by
from crm_assets.sources.csv_file import FileText, read_file
from crm_assets.sources.files import File, files, find
from crm_assets.sources.judge import take
from crm_assets.sources.parsing import parse_table
from crm_assets.sources.quarantine import Sifted

REQUIRED_FILES = [table.file_name for table in RAW_TABLES if not table.optional_table]


@dataclass(frozen=True)
class CsvFolder:
    """Raw tables from the files that `crm.schema.RAW_TABLES` names.

    Attributes:
        folder: where the files are: a folder, a zip archive, or a workbook with a sheet for each.
        description: one line for people.
        name: what the source is called.
        quarantines: whether bad rows are quarantined.
        max_bad_share: the largest share of a table's rows that quarantine takes.
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

    def take(self, *tables: RawTable) -> dict[str, Sifted]:
        """Read some raw tables, each file once; quarantine rows that break a rule if the source does so."""
        found = self._files()
        return take(
            tables,
            lambda table: _read(found, table),
            quarantines=self.quarantines,
            max_bad_share=self.max_bad_share,
        )

    def read(self, table: RawTable) -> pa.Table:
        """Return the rows of one raw table, as `take` gives them."""
        return self.take(table)[table.name].rows

    def month_range(self) -> MonthRange:
        """Find the first engaged month and the data horizon, from the dates of the rows that are kept."""
        rows, fault = self._deals()
        months = covered_by(rows)
        if months is None:
            why = fault or (
                f"{RAW_SALES_PIPELINE.file_name}, column engage_date: no row has a date; fill in when deals "
                "were engaged."
            )
            raise BadInputError(why)
        return months

    def _deals(self) -> tuple[pa.Table, str | None]:
        """Return the deals, and the first fault of their engage dates."""
        if self.quarantines:
            # Quarantined rows must not decide which months there are.
            return self.read(RAW_SALES_PIPELINE), None
        file = _read(self._files(), RAW_SALES_PIPELINE)
        if file is None:
            raise AssertionError("_files has found it")
        # Skip invalid dates here: reading the table reports them, with their rows.
        parsed = parse_table(file.text, RAW_SALES_PIPELINE, file.name)
        fault = next((one for one in parsed.faults if one.column == "engage_date"), None)
        return parsed.rows, fault.sentence(file.name, file.text) if fault else None

    def _files(self) -> list[File]:
        """List the tables of the folder.

        Raises:
            SourceUnavailableError: it cannot be opened, or lacks a required table; the message names them.
        """
        found = files(self.folder)
        required = [table.file_name for table in RAW_TABLES if not table.optional_table]
        missing = [name for name in required if find(found, name) is None]
        if missing:
            one = len(missing) == 1
            raise SourceUnavailableError(
                f"{', '.join(missing)} {'is' if one else 'are'} not in {self.folder}; put "
                f"{'it' if one else 'them'} there or set CRM_DATA_DIR to the right folder. For the export of "
                "another CRM, say in CRM_MAPPING how it calls things; `make mapping` drafts it."
            )
        return found


def _read(found: list[File], table: RawTable) -> FileText | None:
    file = find(found, table.file_name)
    return None if file is None else read_file(file, table)


def path_name(folder: Path) -> str:
    """Return a folder's name with a hash of its whole path: short, stable and unique.

    >>> path_name(Path("/data/My CRM"))
    'My-CRM-ddf8b9'
    """
    mark = hashlib.sha256(folder.as_posix().encode("utf-8", "surrogateescape")).hexdigest()[:6]
    return f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', folder.name)}-{mark}"

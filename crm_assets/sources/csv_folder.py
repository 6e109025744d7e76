"""A folder of CSV files, one for each raw table."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from crm_assets.crm.months import MonthRange
from crm_assets.crm.schema import RAW_SALES_PIPELINE, RAW_TABLES, RawTable
from crm_assets.errors import BadInputError, SourceUnavailableError
from crm_assets.sources.calendar import covered
from crm_assets.sources.csv_file import FileText, read_file
from crm_assets.sources.judge import take
from crm_assets.sources.parsing import parse_column
from crm_assets.sources.quarantine import Sifted

REQUIRED_FILES = [table.file_name for table in RAW_TABLES if not table.optional_table]
DATES = ("engage_date", "close_date")


@dataclass(frozen=True)
class CsvFolder:
    """Raw tables from a folder of the CSV files that `crm.schema.RAW_TABLES` names.

    Attributes:
        folder: where the files are.
        description: one line for people.
        name: what the source is called.
        quarantines: whether bad rows are quarantined.
        given_name: the name of this CRM in the settings, wherever its folder lies.
    """

    folder: Path
    description: str
    name: str = "csv"
    quarantines: bool = False
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
        self.check_files()
        return take(tables, self._file, quarantines=self.quarantines)

    def read(self, table: RawTable) -> pa.Table:
        """Return the rows of one raw table, as `take` gives them."""
        return self.take(table)[table.name].rows

    def _file(self, table: RawTable) -> FileText | None:
        path = self.folder / table.file_name
        return None if table.optional_table and not path.exists() else read_file(path, table)

    def month_range(self) -> MonthRange:
        """Find the first engaged month and the data horizon, from the dates of the rows that are kept."""
        self.check_files()
        months = covered(*self._dates())
        if months is None:
            raise BadInputError(
                f"{RAW_SALES_PIPELINE.file_name}, column engage_date: no row has a date; fill in when deals "
                "were engaged, as YYYY-MM-DD or M/D/YYYY."
            )
        return months

    def _dates(self) -> list[pa.Array | pa.ChunkedArray]:
        """Return the engage dates and the close dates."""
        if self.quarantines:
            # Quarantined rows must not decide which months there are.
            rows = self.read(RAW_SALES_PIPELINE)
            return [rows[name] for name in DATES]
        text = read_file(self.folder / RAW_SALES_PIPELINE.file_name, RAW_SALES_PIPELINE).text
        # Skip invalid dates here: reading the table reports them, with their rows.
        return [parse_column(text[name].combine_chunks(), RAW_SALES_PIPELINE[name])[0] for name in DATES]

    def check_files(self) -> None:
        """Check that the folder and its files exist.

        Raises:
            SourceUnavailableError: names what is missing.
        """
        try:
            is_folder = self.folder.is_dir()
            missing = [file for file in REQUIRED_FILES if not (self.folder / file).is_file()]
        except OSError as error:
            raise SourceUnavailableError(
                f"The folder {self.folder} cannot be opened: {error.strerror}; check CRM_DATA_DIR and the "
                "folder's permissions."
            ) from error
        if not is_folder:
            raise SourceUnavailableError(
                f"The folder {self.folder} does not exist; set CRM_DATA_DIR to the folder of the CSV files, "
                "or CRM_SOURCE=sample for synthetic data."
            )
        if missing:
            raise SourceUnavailableError(
                f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not in {self.folder}; put "
                f"{'it' if len(missing) == 1 else 'them'} there or set CRM_DATA_DIR to the right folder."
            )


def path_name(folder: Path) -> str:
    """Return a folder's name with a hash of its whole path: short, stable and unique.

    >>> path_name(Path("/data/My CRM"))
    'My-CRM-ddf8b9'
    """
    mark = hashlib.sha256(folder.as_posix().encode("utf-8", "surrogateescape")).hexdigest()[:6]
    return f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', folder.name)}-{mark}"

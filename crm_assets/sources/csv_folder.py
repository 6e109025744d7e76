"""A folder of CSV files or workbooks, one for each raw table; or a zip archive or one workbook of them."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from crm_assets.crm.months import MonthRange
from crm_assets.crm.schema import RAW_SALES_PIPELINE, RAW_TABLES, RawTable
from crm_assets.errors import BadInputError, SourceUnavailableError
from crm_assets.sources.calendar import covered_by
from crm_assets.sources.csv_file import FileText, read_file
from crm_assets.sources.files import File, files, find
from crm_assets.sources.folder import Folder
from crm_assets.sources.judge import take
from crm_assets.sources.parsing import parse_table
from crm_assets.sources.quarantine import Sifted

REQUIRED_FILES = [table.file_name for table in RAW_TABLES if not table.optional_table]


@dataclass(frozen=True)
class CsvFolder(Folder):
    """Raw tables from the files that `crm.schema.RAW_TABLES` names, or a workbook with a sheet for each."""

    def take(self, *tables: RawTable) -> dict[str, Sifted]:
        """Read some raw tables, each file once; quarantine rows that break a rule if the source does so."""
        found = self._files()
        return take(
            tables,
            lambda table: _read(found, table),
            quarantines=self.quarantines,
            max_bad_share=self.max_bad_share,
        )

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

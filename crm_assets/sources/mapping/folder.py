"""A CRM's own files as a source: a mapping turns them into our raw tables before rules judge them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crm_assets.crm.months import MonthRange
from crm_assets.crm.schema import RAW_SALES_PIPELINE, RawTable
from crm_assets.errors import BadInputError
from crm_assets.sources.calendar import covered_by
from crm_assets.sources.csv_file import FileText
from crm_assets.sources.faults import CALLED
from crm_assets.sources.folder import Folder
from crm_assets.sources.judge import take
from crm_assets.sources.mapping.files import CrmFiles
from crm_assets.sources.mapping.load import TABLES, LoadedMapping
from crm_assets.sources.mapping.money import divided, in_one_currency
from crm_assets.sources.mapping.schema import Formats
from crm_assets.sources.mapping.tables import CrmTables, MappedTable
from crm_assets.sources.numbers import numbers
from crm_assets.sources.quarantine import Sifted
from crm_assets.sources.text_table import Forms

# A time of day at the end of a text.
_NO_ZONE = r"(\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?)$"
_NAME_OF = {raw.name: name for name, raw in TABLES.items()}


@dataclass(frozen=True)
class MappedFolder(Folder):
    """Raw tables from a CRM's own files.

    Attributes:
        loaded: the mapping.
    """

    loaded: LoadedMapping = field(kw_only=True)

    def take(self, *tables: RawTable) -> dict[str, Sifted]:
        """Read some raw tables, each file once; quarantine rows that break a rule if the source does so.

        Raises:
            SettingsError: the mapping does not say which of several files is meant.
            SourceUnavailableError, BadInputError: as for every source.
        """
        files = CrmFiles(self.folder, self.loaded)
        files.check()
        made = CrmTables(self.loaded, files.rows)
        return take(
            tables, self._reader(files, made), quarantines=self.quarantines, max_bad_share=self.max_bad_share
        )

    def month_range(self) -> MonthRange:
        """Find the first month with a deal and the data horizon, from the dates of the rows that are kept."""
        months = covered_by(self.read(RAW_SALES_PIPELINE))
        if months is None:
            raise BadInputError(
                f"No deal in {self.folder} says when it was created; name the column under deals: columns: "
                f"created_date in {self.loaded.remedy_file}."
            )
        return months

    def _reader(self, files: CrmFiles, made: CrmTables) -> Callable[[RawTable], FileText | None]:
        formats = self.loaded.mapping.formats
        forms = Forms(formats.dates, formats.numbers, formats.time_zone)

        def read(raw: RawTable) -> FileText | None:
            name = _NAME_OF.get(raw.name)
            if name is None:
                return None
            mapped = made.deals if name == "deals" else made.table(name)
            if mapped is None:
                return None
            mapped, percent = _without_percent(mapped)
            notes = (*files.notes, *mapped.notes)
            files.notes.clear()
            return FileText(
                mapped.table.file_name,
                _labeled(_in_utc(mapped, formats)),
                mapped.original,
                mapped.width,
                pa.array(np.ones(mapped.text.num_rows, dtype=bool)),
                mapped.ragged,
                notes,
                forms,
                self._finish(name, mapped, forms, percent),
            )

        return read

    def _finish(
        self, name: str, mapped: MappedTable, forms: Forms, percent: list[str]
    ) -> Callable[[pa.Table], pa.Table]:
        table = getattr(self.loaded.mapping, name)
        raw = TABLES[name]

        def finish(rows: pa.Table) -> pa.Table:
            rows = divided(rows, table, percent)
            if name == "deals":
                home = {ours: numbers(text, form=forms.numbers).values for ours, text in mapped.extra.items()}
                rows = in_one_currency(rows, self.loaded, home, mapped.table.file_name)
            return rows.select([column for column in raw.names if column in rows.column_names])

        return finish


def _without_percent(mapped: MappedTable) -> tuple[MappedTable, list[str]]:
    """Take the signs of percent off, and return the columns that have them."""
    text, found = mapped.text, []
    for at, name in enumerate(text.column_names):
        if mapped.table[name].dtype == "float64" and pc.any(pc.ends_with(text[name], "%")).as_py():
            text = text.set_column(at, name, pc.replace_substring_regex(text[name], r"\s*%$", ""))
            found.append(name)
    return (replace(mapped, text=text) if found else mapped), found


def _in_utc(mapped: MappedTable, formats: Formats) -> MappedTable:
    """Write the zone behind time stamps without one, if the CRM's clock stands in UTC."""
    if formats.stamps_without_zone == "local" or formats.time_zone is None:
        return mapped
    text = mapped.text
    for at, name in enumerate(text.column_names):
        if mapped.table[name].dtype == "date":
            stamped = pc.replace_substring_regex(text[name], _NO_ZONE, r"\1Z")
            text = text.set_column(at, text.schema.field(at), stamped)
    return replace(mapped, text=text)


def _labeled(mapped: MappedTable) -> pa.Table:
    """Say beside each column what the CRM calls it, for messages."""
    fields = [
        field.with_metadata({CALLED: mapped.labels[field.name].encode()})
        if field.name in mapped.labels
        else field
        for field in mapped.text.schema
    ]
    return mapped.text.cast(pa.schema(fields))

"""The files of a folder by the names that a mapping gives them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pyarrow.compute as pc

from crm_assets.errors import SettingsError, SourceUnavailableError
from crm_assets.sources.files import File, files
from crm_assets.sources.mapping.headers import FALSE, TRUE, column_in, same
from crm_assets.sources.mapping.load import TABLES, LoadedMapping, parts
from crm_assets.sources.mapping.rows import Rows, blank, cleaned, file_for
from crm_assets.sources.mapping.schema import Mapping
from crm_assets.sources.mapping.value import Value


@dataclass
class CrmFiles:
    """The files of a CRM in a folder, an archive or a workbook.

    Attributes:
        place: where they are.
        loaded: the mapping, which says how they are called.
        notes: what was decided, in sentences.
    """

    place: Path
    loaded: LoadedMapping
    notes: list[str] = field(default_factory=list)

    @cached_property
    def listed(self) -> list[File]:
        """All tables of the place.

        Raises:
            SourceUnavailableError: there is none, or the place cannot be opened.
        """
        found = files(self.place)
        if not found:
            raise SourceUnavailableError(
                f"{self.place} has no CSV file and no workbook; set CRM_DATA_DIR to the export's folder."
            )
        return found

    def find(self, role: str) -> File | None:
        """Return the file that the mapping gives a name; None if there is none.

        Raises:
            SettingsError: several files fit.
        """
        found = file_for(role, self.loaded.mapping.files.get(role, ()), [one.stem for one in self.listed])
        if found is not None:
            fitting = [one for one in self.listed if one.stem == found]
            if len(fitting) > 1:
                raise SettingsError(
                    f"{', '.join(one.name for one in fitting)}: each of these files could be {role}; keep "
                    "one of them, or give them different names and write the right one into crm.yaml, for "
                    f"example `files: {{{role}: {found}}}`."
                )
            return fitting[0]
        if role == self.loaded.mapping.deals.file and len(self.listed) == 1:
            # A single file can only be the deals, whatever its name.
            return self.listed[0]
        return None

    def check(self) -> None:
        """Check that the file of the deals is there, and every file that the user named.

        Raises:
            SourceUnavailableError: names what there is.
            SettingsError: several files fit.
        """
        there = ", ".join(one.name for one in self.listed[:20])
        for role, names in self.loaded.mapping.files.items():
            if self.loaded.wrote("files", role) and self.find(role) is None:
                raise SourceUnavailableError(
                    f"{self.loaded.name}, files: {role}: no file in {self.place} is called "
                    f"{' or '.join(names)}. There {_are(self.listed)} {there}. Correct the line or "
                    "remove it."
                )
        role = self.loaded.mapping.deals.file
        if self.find(role) is not None:
            return
        patterns = ", ".join(self.loaded.mapping.files.get(role, ()))
        raise SourceUnavailableError(
            f"{self.place} has no file of deals: {self.loaded.name} looks for {patterns or 'none'}; there "
            f"{_are(self.listed)} {there}. Write the right name into "
            f"{self.loaded.remedy_file}, for example `files: {{{role}: {self.listed[0].stem}}}`."
        )

    def rows(self, role: str) -> Rows | None:
        """Read the rows of a file, as far as the mapping names its columns; None if it is not there."""
        file = self.find(role)
        if file is None:
            return None
        names = list(dict.fromkeys(_named_columns(self.loaded.mapping)))

        def wanted(header: Sequence[str]) -> list[str]:
            return [found for name in names if (found := column_in(header, name))]

        table = file.read(wanted)
        self.notes += table.notes
        self.notes += [
            f"{table.name}, column {name}: appears {table.header.count(name)} times in the header; the first "
            "counts."
            for name in table.rows.column_names
            if table.header.count(name) > 1
        ]
        mapping = self.loaded.mapping
        empty = mapping.formats.empty
        # In a column that a condition asks for a truth value, false is a value.
        values = [text for text in empty if same(text) not in TRUE | FALSE]
        asked = {column_in(table.header, name) for name in _conditions(mapping)}
        columns = {
            name: cleaned(table.rows[name], values if name in asked else empty)
            for name in table.rows.column_names
        }
        rows = Rows(table.name, table.header, columns, table.numbers, table.ragged)
        # Programs leave blank rows at the end of an export.
        empty_rows = blank(list(columns.values()), len(rows))
        return rows.filtered(pc.invert(empty_rows)) if pc.any(empty_rows).as_py() else rows


def _are(listed: Sequence[File]) -> str:
    return "is" if len(listed) == 1 else "are"


def _conditions(mapping: Mapping) -> Iterator[str]:
    """Yield every column that a condition of a mapping names."""
    for name in TABLES:
        table = getattr(mapping, name)
        yield from table.leave_out if table is not None else ()
    yield from mapping.deals.keep
    listed = mapping.stages.listed_in
    for way in (*mapping.outcome, *([listed] if listed else [])):
        yield from (*way.won, *way.lost)


def _named_columns(mapping: Mapping) -> Iterator[str]:
    """Yield every column name of a mapping, of whatever file."""
    values: list[Value] = []
    for name in TABLES:
        table = getattr(mapping, name)
        if table is not None:
            values += [*table.columns.values(), *([table.id] if table.id else [])]
    deals, listed = mapping.deals, mapping.stages.listed_in
    values += [*deals.home_amounts.values(), *([deals.stage] if deals.stage else [])]
    if listed:
        given = (listed.id, listed.name, listed.order, listed.pipeline)
        values += [value for value in given if value]
    yield from _conditions(mapping)
    for value in values:
        for part in parts(value):
            yield from ([part.column] if part.column else part.where)

"""Our raw tables, as text, from a CRM's files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from crm_assets.crm.schema import SOURCE_ROW, RawTable
from crm_assets.errors import BadInputError
from crm_assets.sources.mapping.headers import among, column_in, same
from crm_assets.sources.mapping.ids import long_ids
from crm_assets.sources.mapping.kept import kept_deals
from crm_assets.sources.mapping.load import STAGE_COLUMNS, TABLES, LoadedMapping, parts
from crm_assets.sources.mapping.money import split_currencies
from crm_assets.sources.mapping.outcomes import tell
from crm_assets.sources.mapping.rows import TEXT, Listed, Rows, Values, required, shown_header
from crm_assets.sources.mapping.schema import Table
from crm_assets.sources.mapping.value import Value
from crm_assets.sources.text_table import RaggedRow

# One of them says since when a deal is known.
_FIRST_DATES = TABLES["deals"].dated_by[0].dates


@dataclass(frozen=True)
class MappedTable:
    """One of our raw tables as text.

    Attributes:
        table: the raw table, with the name of the CRM's file.
        text: its columns that the CRM has, strings, and the rows' numbers.
        labels: what the CRM calls each of our columns, for messages.
        notes: what was decided, in sentences.
        original: the CRM's own columns of the same rows, as far as they are read.
        width: how many columns the file has.
        ragged: rows of the file that have more or fewer fields than its header.
        extra: values beside our columns: amounts that the CRM has already converted.
    """

    table: RawTable
    text: pa.Table
    labels: dict[str, str]
    notes: list[str]
    original: pa.Table
    width: int
    ragged: tuple[RaggedRow, ...] = ()
    extra: dict[str, pa.Array] = field(default_factory=dict)


class CrmTables:
    """Makes our raw tables from the files of one CRM, each file read once."""

    def __init__(self, loaded: LoadedMapping, read: Callable[[str], Rows | None]) -> None:
        """Prepare to read.

        Args:
            loaded: the mapping.
            read: reads the rows of a file by its name under `files`; gives None if it is not there.
        """
        self.loaded = loaded
        self.mapping = loaded.mapping
        self._read = read
        self._rows: dict[str, Rows | None] = {}
        self._names: dict[str, Listed | None] = {}
        self.values = Values(self.mapping.formats, self.rows_of, self.names_of)

    def rows_of(self, role: str) -> Rows | None:
        """Return the rows of a file by its name under `files`; None if it is not there."""
        if role not in self._rows:
            self._rows[role] = self._read(role)
        return self._rows[role]

    def names_of(self, name: str) -> Listed | None:
        """Return the ids and names of one of our tables, as the table has them; None without its file."""
        if name not in self._names:
            # A name that looks up its own table finds nothing while the names are being made.
            self._names[name] = None
            table = getattr(self.mapping, name)
            rows = self._kept(table) if table else None
            if rows is not None and table.id is not None:
                self._names[name] = self._named(name, table, rows)
        return self._names[name]

    def table(self, name: str) -> MappedTable | None:
        """Return one of our tables other than the deals; None if the CRM does not have it."""
        table: Table | None = getattr(self.mapping, name)
        rows = self._kept(table) if table else None
        if table is None or rows is None:
            return None
        raw = TABLES[name]
        (key,) = raw.key
        listed = self.names_of(name)
        if listed is not None:
            ids = self.values.take(_id(table), rows)
            rows = rows.taken(_first_of_each(self.values.ids(required(ids, "id", table.id, rows, ""))))
        columns = dict(self._columns(name, table, rows))
        if listed is not None:
            # The names come from where deals find them too, so that both are the same.
            columns[key] = listed.texts
        elif key not in columns:
            raise BadInputError(
                f"{rows.name}: no column for {key}; the file has {shown_header(rows.header)}. Name it under "
                f"{name}: columns in {self.loaded.remedy_file}, or write `{name}: null` to go without it."
            )
        return MappedTable(
            replace(raw, file_name=rows.name),
            _as_table(raw, columns, rows.numbers),
            self._labels(table, rows),
            self._new_notes(),
            pa.table(dict(rows.columns)),
            len(rows.header),
            rows.ragged,
        )

    @cached_property
    def deals(self) -> MappedTable:
        """The deals.

        Raises:
            BadInputError: the file, or a column that nothing can do without, is missing; or the mapping does
                not say what a stage means.
        """
        deals, raw = self.mapping.deals, TABLES["deals"]
        rows = self.rows_of(deals.file)
        if rows is None:
            raise BadInputError(f"No file fits files: {deals.file}.")
        if len(rows) == 0:
            raise BadInputError(f"{rows.name} has a header but no rows; export the table again.")
        # First: the stages of deals that are left out need no meaning.
        early = {
            name: value for name, value in deals.columns.items() if not any(p.when for p in parts(value))
        }
        kept, notes = kept_deals(
            self.loaded, rows, lambda name: self._ours_or_theirs(name, early, rows), early
        )
        rows = rows if pc.all(kept).as_py() else rows.filtered(kept)
        told = tell(self.loaded, rows, self.values)
        self.values.masks = told.masks
        columns = dict(self._columns("deals", deals, rows))
        columns["deal_stage"] = told.stage
        # A single open stage says no more than that the deal is open.
        if told.name is not None and (len(self.mapping.stages.open) > 1 or self.mapping.stages.listed_in):
            columns["stage_name"] = told.name
            columns["stage_position"] = told.position.cast(TEXT)
        key = raw.key[0]
        columns[key] = required(
            columns.get(key), key, deals.columns.get(key), rows, f"Name it in {self.loaded.remedy_file}."
        )
        if self.mapping.formats.ids == "salesforce":
            # Reports write the short form, other exports the long one: next month's dump may be either.
            columns[key] = long_ids(columns[key])
        if not any(name in columns for name in _FIRST_DATES):
            raise BadInputError(self._no_date("since when a deal exists", _FIRST_DATES, rows))
        extra: dict[str, pa.Array] = {
            str(name): array
            for name, value in deals.home_amounts.items()
            if (array := self.values.take(value, rows)) is not None
        }
        split_currencies(columns)
        if "close_date" not in columns and pc.any(told.masks["closed"]).as_py():
            raise BadInputError(self._no_date("when deals were won or lost", ("close_date",), rows))
        for name in raw.names:
            if name not in (*columns, *raw.optional, SOURCE_ROW.name):
                columns[name] = pa.nulls(len(rows), TEXT)
                notes.append(f"{rows.name} has no column for {name}: it is unknown of every deal.")
        text = _as_table(raw, columns, rows.numbers)
        labels = {**self._labels(deals, rows), **_stage_labels(deals.stage, rows)}
        return MappedTable(
            replace(raw, file_name=rows.name),
            text,
            labels,
            [*notes, *told.notes, *self._new_notes()],
            pa.table(dict(rows.columns)),
            len(rows.header),
            rows.ragged,
            extra,
        )

    def _columns(self, name: str, table: Table, rows: Rows) -> Iterator[tuple[str, pa.Array]]:
        for column, value in table.columns.items():
            found = self.values.take(value, rows)
            if found is not None:
                yield column, found
            elif self.loaded.wrote(name, "columns", column):
                raise BadInputError(self._missing(name, column, value, rows))

    def _missing(self, name: str, column: str, value: Value, rows: Rows) -> str:
        """Say what a line of the user looks for, and what there is."""
        others = [part for part in parts(value) if part.file]
        for part in others:
            other = self.rows_of(str(part.file))
            for one in (part.its, part.take) if other else ():
                if one and other and not any(column_in(other.header, own) for own in one.columns):
                    return (
                        f"{self.loaded.name}, {name}: columns: {column}: {', '.join(one.columns)} is not in "
                        f"{other.name}, which has {shown_header(other.header)}. {_correct(column)}"
                    )
        absent = [role for role in dict.fromkeys(str(p.file) for p in others) if self.rows_of(role) is None]
        there = f"{rows.name} has {shown_header(rows.header)}"
        if absent:
            there += f", and there is no file for {', '.join(absent)}"
        return (
            f"{self.loaded.name}, {name}: columns: {column}: {', '.join(value.columns) or 'its column'} is "
            f"not there. {there}. {_correct(column)}"
        )

    def _kept(self, table: Table) -> Rows | None:
        """Return the rows of a table without those that the mapping leaves out."""
        rows = self.rows_of(table.file)
        if rows is None:
            return None
        for name, wanted in table.leave_out.items():
            column = rows.column(name)
            if column is not None:
                kept = pc.invert(among(column, wanted))
                rows = rows.filtered(kept) if pc.any(kept).as_py() else rows
        return rows

    def _named(self, name: str, table: Table, rows: Rows) -> Listed | None:
        """Return the id and the name of each row: a name that two ids share gets the id beside it."""
        (key,) = TABLES[name].key
        ids, value = self.values.take(_id(table), rows), table.columns.get(key)
        names = self.values.take(value, rows) if value else None
        if ids is None or names is None:
            return None
        ids = self.values.ids(ids)
        first = _first_of_each(ids)
        frame = pd.DataFrame({"id": ids.take(first).to_pandas(), "name": names.take(first).to_pandas()})
        frame["name"] = frame["name"].fillna(frame["id"])
        shared = frame["name"].map(lambda text: same(text) if text else text).duplicated(keep=False)
        shared &= frame["id"].notna()
        frame.loc[shared, "name"] = frame["name"] + " (" + frame["id"] + ")"
        known = pa.array(frame["id"], TEXT)
        return Listed(rows.name, known, pa.array(frame["name"], TEXT), known, is_table=True)

    def _ours_or_theirs(self, name: str, ours: Mapping[str, Value], rows: Rows) -> pa.Array | None:
        """Return a column of the deals by our name, else by the CRM's."""
        found = self.values.take(ours[name], rows) if name in ours else None
        return rows.column(name) if found is None else found

    def _no_date(self, what: str, names: Sequence[str], rows: Rows) -> str:
        """Say that none of our dates that are needed is there."""
        given = self.mapping.deals.columns
        looked_for = [name for ours in names if (one := given.get(ours)) for name in one.columns]
        return (
            f"{rows.name}: nothing says {what}. The mapping looks for {', '.join(looked_for) or 'nothing'}; "
            f"the file has {shown_header(rows.header)}. Name the day as deals: columns: {names[0]} in "
            f"{self.loaded.remedy_file}."
        )

    def _new_notes(self) -> list[str]:
        """Return what lookups found to tell since the last time."""
        found = [*self.values.notes]
        self.values.notes.clear()
        return found

    def _labels(self, table: Table, rows: Rows) -> dict[str, str]:
        """Return what the CRM calls our columns, for messages."""
        found = {}
        for ours, value in table.columns.items():
            # A column that only leads to another file is not what a value is called.
            there = [name for one in value.own_columns if (name := column_in(rows.header, one))]
            if there:
                found[ours] = there[0]
        return found


def _correct(column: str) -> str:
    return f"Correct the line, or write `{column}: null` to go without."


def _id(table: Table) -> Value:
    return table.id or Value(text="")


def _stage_labels(stage: Value | None, rows: Rows) -> dict[str, str]:
    there = [name for one in (stage.columns if stage else []) if (name := column_in(rows.header, one))]
    return dict.fromkeys(STAGE_COLUMNS, there[0]) if there else {}


def _first_of_each(ids: pa.Array) -> pa.Array:
    """Return the positions of rows with an id that no earlier row has, and of rows without an id."""
    series = ids.to_pandas()
    return pa.array(np.flatnonzero(~series.duplicated() | series.isna()))


def _as_table(raw: RawTable, columns: dict[str, pa.Array], numbers: pa.Array) -> pa.Table:
    ordered = {name: columns[name] for name in raw.names if name in columns}
    return pa.table({**ordered, SOURCE_ROW.name: numbers.cast(pa.int64())})

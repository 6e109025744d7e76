"""The files of a CRM as rows of text, and the values that a mapping takes from them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from collections.abc import Mapping as Mapped
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import reduce

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from crm_assets.errors import BadInputError, SettingsError
from crm_assets.sources.csv_file import trimmed_text
from crm_assets.sources.dates import dates
from crm_assets.sources.mapping.headers import among, column_in, counted, same
from crm_assets.sources.mapping.ids import id_forms
from crm_assets.sources.mapping.schema import Formats
from crm_assets.sources.mapping.value import Value
from crm_assets.sources.numbers import numbers
from crm_assets.sources.text_table import RaggedRow

TEXT = pa.string()


@dataclass(frozen=True)
class Rows:
    """The rows of one file as text.

    Attributes:
        name: the file, for messages.
        header: the names of all its columns.
        columns: the columns that were read, by name: strings, trimmed, null if empty.
        numbers: the row numbers, as in a spreadsheet.
        ragged: rows that have more or fewer fields than the header; they are in none of the columns.
    """

    name: str
    header: Sequence[str]
    columns: Mapped[str, pa.Array]
    numbers: pa.Array
    ragged: tuple[RaggedRow, ...] = ()

    def __len__(self) -> int:
        return len(self.numbers)

    def column(self, name: str) -> pa.Array | None:
        """Return the column that a name means; None if the file has none."""
        found = column_in(self.header, name)
        return None if found is None else self.columns[found]

    def filtered(self, kept: pa.Array) -> Rows:
        """Return only the marked rows."""
        columns = {name: column.filter(kept) for name, column in self.columns.items()}
        return Rows(self.name, self.header, columns, self.numbers.filter(kept), self.ragged)

    def taken(self, at: pa.Array) -> Rows:
        """Return only the rows at some positions."""
        columns = {name: column.take(at) for name, column in self.columns.items()}
        return Rows(self.name, self.header, columns, self.numbers.take(at), self.ragged)


def file_for(role: str, patterns: Sequence[str], names: Sequence[str]) -> str | None:
    """Return which of some file names, without endings, a role of the mapping means; None if none does.

    Args:
        role: the name under `files`.
        patterns: its file names, the most exact first; `*` stands for any text.
        names: the files that there are.

    Raises:
        SettingsError: several files fit the same pattern.
    """
    for pattern in patterns:
        wanted = _file_key(pattern)
        fitting = [name for name in names if fnmatchcase(_file_key(name), wanted)]
        exact = [name for name in fitting if same(name) == same(pattern)]
        if len(set(exact or fitting)) > 1:
            raise SettingsError(
                f"{', '.join(fitting)}: each of these files could be {role}; put their rows into one file, "
                f"or write the right one into crm.yaml, for example `files: {{{role}: {fitting[0]}}}`."
            )
        if fitting:
            return (exact or fitting)[0]
    return None


def _file_key(name: str) -> str:
    for ending in (".csv", ".tsv", ".txt", ".xlsx", ".xls"):
        name = name.removesuffix(ending)
    return re.sub(r"[\s_-]+", "_", name.casefold())


@dataclass(frozen=True)
class Listed:
    """The ids and values of another file, each id once.

    Attributes:
        file: the file, for messages.
        ids: shape (m,), the ids.
        texts: shape (m,), their values.
        every: all ids of the file, also those without a value.
        is_table: whether it is one of our tables, which should list every id.
    """

    file: str
    ids: pa.Array
    texts: pa.Array
    every: pa.Array
    is_table: bool = False


@dataclass
class Values:
    """Takes the values of a mapping from the rows of files.

    Attributes:
        formats: how ids and empty values are written.
        rows_of: gives the rows of a file by its name under `files`; None if the file is not there.
        names_of: gives the names of one of our tables by id; None if there is no such table.
        masks: marks the deals that have an outcome; only known once outcomes are.
        notes: lookups that found nothing, in sentences.
    """

    formats: Formats
    rows_of: Callable[[str], Rows | None]
    names_of: Callable[[str], Listed | None]
    masks: Mapped[str, pa.Array] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def take(self, value: Value, rows: Rows) -> pa.Array | None:
        """Return the values for some rows: shape (n,), strings, null if there is none.

        Returns:
            None if the files have no column that they could come from.
        """
        found = self._take(value, rows)
        if found is None or value.when is None:
            return found
        return pc.if_else(self.masks[value.when], found, pa.scalar(None, TEXT))

    def _take(self, value: Value, rows: Rows) -> pa.Array | None:
        if value.column is not None:
            return rows.column(value.column)
        if value.first_of:
            found = [(self.take(one, rows), one.text is not None) for one in value.first_of]
            # A text alone does not make a column: it only fills gaps of one.
            given = [array for array, _ in found if array is not None]
            only_texts = all(constant for array, constant in found if array is not None)
            return pc.coalesce(*given) if given and not only_texts else None
        if value.words:
            parts = [array for one in value.words if (array := self.take(one, rows)) is not None]
            return _joined(parts) if parts else None
        if value.text is not None:
            return pa.array([value.text], TEXT).take(pa.array(np.zeros(len(rows), dtype="int64")))
        keys = self.take(value.id, rows) if value.id else None
        if keys is None:
            return None
        listed = self.names_of(value.table) if value.table else self._other(value)
        if listed is None:
            return None
        at = pc.index_in(self.ids(keys), value_set=self.ids(listed.ids), skip_nulls=True)
        self._tell_misses(value, rows, keys, at, listed)
        return listed.texts.take(at)

    def _tell_misses(self, value: Value, rows: Rows, keys: pa.Array, at: pa.Array, listed: Listed) -> None:
        """Note ids that one of our tables does not list, and a file in which no id is found."""
        if not listed.is_table:
            at = pc.index_in(self.ids(keys), value_set=self.ids(listed.every), skip_nulls=True)
        missed = pc.and_(pc.is_valid(keys), pc.is_null(at))
        # Some exports write the name in the place of the id.
        missed = pc.and_(missed, pc.invert(pc.is_in(keys, value_set=listed.texts, skip_nulls=True)))
        some = keys.filter(missed)
        given = len(keys) - keys.null_count
        if len(some) == 0 or not (listed.is_table or len(some) == given):
            return
        looked_for = value.id.columns if value.id else []
        column = next((name for one in looked_for if (name := column_in(rows.header, one))), "")
        note = (
            f"{rows.name}, column {column}: {len(some):,} of {given:,} values are not in {listed.file}: "
            f"{counted(some, 3)}. Export both files again, at the same time and with all rows."
        )
        self.notes += [note] if note not in self.notes else []

    def _other(self, value: Value) -> Listed | None:
        """Return the ids and the values of another file, each id once."""
        rows = self.rows_of(str(value.file))
        if rows is None or value.its is None or value.take is None:
            return None
        for name, wanted in value.where.items():
            column = rows.column(name)
            if column is None:
                raise BadInputError(
                    f"{rows.name}: no column {name}, which the mapping names under where; the file has "
                    f"{shown_header(rows.header)}. Correct the name."
                )
            rows = rows.filtered(among(column, wanted))
        ids, values = self.take(value.its, rows), self.take(value.take, rows)
        if ids is None or values is None:
            return None
        order = self.take(value.by, rows) if value.by else None
        frame = pd.DataFrame({"id": ids.to_pandas(), "at": np.arange(len(ids))})
        frame = frame[values.is_valid().to_numpy(zero_copy_only=False)]
        if order is not None:
            frame["by"] = _sortable(order).iloc[frame["at"]]
            frame = frame.sort_values("by", ascending=value.pick == "smallest", kind="stable")
        at = pa.array(frame.drop_duplicates("id")["at"].to_numpy())
        return Listed(rows.name, ids.take(at), values.take(at), ids)

    def ids(self, keys: pa.Array) -> pa.Array:
        """Return ids in the form in which they compare equal."""
        return id_forms(keys, self.formats.ids)


def _sortable(values: pa.Array) -> pd.Series:
    """Return numbers, or time stamps or dates, in a form that sorts; NaN where there is neither."""
    texts = values.to_pandas()
    stamps = texts.str.match(r"\d{4}-\d{2}-\d{2}") | texts.isna()
    if stamps.all():
        # Written so, texts sort as times do, and the time of day counts.
        return texts
    read = numbers(values).values  # noqa: PD011 - an Arrow array
    if read.null_count == len(read):
        read = dates(values).values.cast(pa.int32())  # noqa: PD011 - an Arrow array
    return pd.Series(read.to_numpy(zero_copy_only=False))


def _joined(parts: Sequence[pa.Array]) -> pa.Array:
    joined = pc.binary_join_element_wise(*parts, " ", null_handling="skip")
    trimmed = pc.utf8_trim_whitespace(joined)
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, TEXT), trimmed)


def cleaned(text: pa.Array | pa.ChunkedArray, empty: Sequence[str]) -> pa.Array:
    """Trim texts, and turn those that mean `no value` into null.

    Args:
        text: shape (n,), strings.
        empty: texts that mean no value, beside the empty one.
    """
    trimmed = trimmed_text(text)
    nothing = pa.array(list(empty), TEXT)
    return pc.if_else(pc.is_in(trimmed, value_set=nothing), pa.scalar(None, TEXT), trimmed)


def required(array: pa.Array | None, what: str, value: Value | None, rows: Rows, remedy: str) -> pa.Array:
    """Return a column that the mapping cannot do without.

    Raises:
        BadInputError: the file has none of the columns that it may come from.
    """
    if array is not None:
        return array
    looked_for = ", ".join(value.columns) if value and value.columns else "nothing"
    raise BadInputError(
        f"{rows.name}: no column for {what}. The mapping looks for {looked_for}; the file has "
        f"{shown_header(rows.header)}. {remedy}"
    )


def shown_header(header: Sequence[str], limit: int = 40) -> str:
    """Return the names of columns for a sentence."""
    names = [name for name in header if name]
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")


def blank(columns: Sequence[pa.Array], rows: int) -> pa.Array:
    """Return which rows have no value in any column."""
    return reduce(pc.and_, map(pc.is_null, columns), pa.array(np.ones(rows, dtype=bool)))


def both(masks: Sequence[pa.Array]) -> pa.Array:
    """Return which rows all masks mark."""
    return reduce(pc.and_, masks)

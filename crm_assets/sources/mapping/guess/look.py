"""Look at a CRM's files: which preset fits, which file is which, and what each column holds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import yaml

from crm_assets.crm.schema import SOURCE_ROW
from crm_assets.sources.dates import dates
from crm_assets.sources.files import File, files
from crm_assets.sources.mapping.headers import column_in, plain
from crm_assets.sources.mapping.load import DEFAULT, NOTHING, PRESETS, TABLES, load, parts
from crm_assets.sources.mapping.rows import Rows, cleaned, file_for
from crm_assets.sources.mapping.schema import Mapping
from crm_assets.sources.mapping.value import Value
from crm_assets.sources.numbers import numbers

# A preset must know so many of our columns in a file to be guessed.
ENOUGH = 4
# A file is the one of a role if it has this share of the columns that the preset takes from it.
FITS = 0.75
FEWEST = 3
# So large a share of a column's values must be dates, or numbers, for it to be one.
MOSTLY = 0.9
_SAMPLE = 2_000


@cache
def words() -> dict[str, Any]:
    """Return what people call our columns and stages."""
    text = (package_files("crm_assets.sources.mapping.guess") / "words.yaml").read_text("utf-8")
    return yaml.safe_load(text)


@dataclass(frozen=True)
class Look:
    """What a look at the files found.

    Attributes:
        preset: the preset that fits best; `none` if none does.
        why: why, in words.
        by_role: the files by their name under `files` of the preset.
        named: the roles whose file the preset finds by its name; the others were recognized by their columns.
        unused: the files that have no role.
        tables: the rows of every file, by file name.
        doubts: what is not sure, in sentences.
    """

    preset: str
    why: str
    by_role: dict[str, File]
    named: frozenset[str]
    unused: list[File]
    tables: dict[str, Rows]
    doubts: list[str] = field(default_factory=list)

    @property
    def mapping(self) -> Mapping:
        """The mapping of the preset; empty if there is none."""
        return Mapping(preset=NOTHING) if self.preset == NOTHING else load(self.preset).mapping

    @property
    def deals(self) -> Rows:
        """The rows of the deals."""
        return self.tables[self.by_role[self.mapping.deals.file].name]


def look(place: Path) -> Look:
    """Look at the files of a folder, an archive or a workbook.

    Raises:
        SourceUnavailableError, BadInputError: the files cannot be read.
    """
    listed = files(place)
    tables = {one.name: _rows(one) for one in listed}
    scores = sorted(_scores(listed, tables), key=lambda one: one[:2], reverse=True)
    doubts: list[str] = []
    if not scores:
        deals, sure = _likeliest_deals(listed, tables)
        if not sure:
            doubts.append(f"Which file has the deals: {deals.name} looks most like it.")
        rest = [one for one in listed if one is not deals]
        return Look(
            NOTHING, "no preset knows these columns", {"deals": deals}, frozenset(), rest, tables, doubts
        )
    known, exact, preset, deals = scores[0]
    rivals = [one for one in scores[1:] if one[2] != preset and one[:2] == (known, exact)]
    if rivals:
        doubts.append(f"Which CRM it is: {preset} and {rivals[0][2]} fit alike.")
    mapping = load(preset).mapping
    by_role, named = {mapping.deals.file: deals}, set()
    stems = {one.stem: one for one in listed}
    if deals in (alike := _called_so(mapping, mapping.deals.file, listed)):
        named |= {mapping.deals.file} if len(alike) == 1 else set()
        doubts += _which(alike)
    for role, patterns in mapping.files.items():
        if role in by_role:
            continue
        free = [one for one in listed if one not in by_role.values()]
        found = _by_name(role, patterns, free)
        if found is not None:
            named.add(role)
        else:
            found = _by_columns(mapping, role, free, tables)
            if found is not None:
                doubts.append(f"Whether {found.name} is {role}: its columns fit, its name does not.")
        if found is not None:
            by_role[role] = found
    why = f"{deals.name} has {known} of the columns that it looks for"
    rest = [one for one in stems.values() if one not in by_role.values()]
    return Look(preset, why, by_role, frozenset(named), rest, tables, doubts)


def _by_name(role: str, patterns: Sequence[str], free: Sequence[File]) -> File | None:
    from crm_assets.errors import SettingsError

    try:
        stem = file_for(role, patterns, [one.stem for one in free])
    except SettingsError:
        return None
    return next((one for one in free if one.stem == stem), None)


def _called_so(mapping: Mapping, role: str, listed: Sequence[File]) -> list[File]:
    """Return the files whose names fit a role."""
    return [one for one in listed if file_for(role, mapping.files[role], [one.stem]) is not None]


def _which(alike: Sequence[File]) -> list[str]:
    names = ", ".join(one.name for one in alike)
    return [f"Which file has the deals: {names} have the right name; only one is read."][: len(alike) - 1]


def _rows(file: File) -> Rows:
    table = file.read()
    columns = {name: cleaned(table.rows[name], ()) for name in table.rows.column_names}
    return Rows(table.name, table.header, columns, table.numbers)


def _scores(listed: Sequence[File], tables: dict[str, Rows]) -> Iterator[tuple[int, int, str, File]]:
    """Yield how many of our columns each preset finds in each file, and how many of them letter by letter."""
    for preset in PRESETS:
        mapping = load(preset).mapping
        values = [*mapping.deals.columns.values(), *([mapping.deals.stage] if mapping.deals.stage else [])]
        flags = {name for way in mapping.outcome for name in (*way.won, *way.lost)}
        for file in listed:
            header = tables[file.name].header
            known = sum(any(column_in(header, name) for name in value.columns) for value in values)
            known += sum(column_in(header, name) is not None for name in flags)
            names = {name for value in values for name in value.columns} | flags
            named = file_for("deals", mapping.files[mapping.deals.file], [file.stem]) is not None
            if known < ENOUGH or not all(_essentials(mapping, header)):
                continue
            # Of equal files of one preset, the one with the right name is it.
            yield known, 2 * len(names & set(header)) + named, preset, file


def _essentials(mapping: Mapping, header: Sequence[str]) -> Iterator[bool]:
    """Yield whether a file says what no deal can do without: its id, a first date, its stage or outcome."""

    def there(names: Iterable[str]) -> bool:
        return any(column_in(header, name) for name in names)

    columns = mapping.deals.columns
    yield there(columns["opportunity_id"].columns)
    firsts = (columns[name] for name in TABLES["deals"].dated_by[0].dates if name in columns)
    yield there(name for value in firsts for name in value.columns)
    stage = mapping.deals.stage.columns if mapping.deals.stage else []
    yield there([*stage, *(name for way in mapping.outcome for name in (*way.won, *way.lost))])


def _likeliest_deals(listed: Sequence[File], tables: dict[str, Rows]) -> tuple[File, bool]:
    """Return the file that looks most like deals, and whether no other comes close."""
    asked = words()["deals"]

    def known(file: File) -> int:
        header = {plain(name) for name in tables[file.name].header}
        return sum(bool(header & {plain(word) for word in called}) for called in asked.values())

    ordered = sorted(listed, key=known, reverse=True)
    return ordered[0], len(ordered) == 1 or known(ordered[0]) > known(ordered[1])


def _by_columns(mapping: Mapping, role: str, free: Sequence[File], tables: dict[str, Rows]) -> File | None:
    """Return the file that has most of the columns which the preset takes from a role; None if none does."""
    wanted = list(_columns_of(mapping, role))
    best, most = None, 0.0
    for file in free:
        header = tables[file.name].header
        share = sum(any(column_in(header, name) for name in value.columns) for value in wanted) / max(
            len(wanted), 1
        )
        if share > most:
            best, most = file, share
    return best if most >= FITS and len(wanted) >= FEWEST else None


def _columns_of(mapping: Mapping, role: str) -> Iterator[Value]:
    for name in TABLES:
        table = getattr(mapping, name)
        if table is None or name == "deals":
            continue
        if table.file == role:
            yield from (value for value in table.columns.values() if value.columns)
    for value in mapping.deals.columns.values():
        for part in parts(value):
            if part.file == role:
                yield from (one for one in (part.its, part.take) if one)
    listed = mapping.stages.listed_in
    if listed and listed.file == role:
        yield from (one for one in (listed.id, listed.name, listed.order) if one)


def is_kind(values: pa.Array, dtype: str) -> bool:
    """Return whether a column holds what its type asks for: mostly dates, or mostly numbers."""
    given = values.filter(pc.is_valid(values)).slice(0, _SAMPLE)
    if dtype not in ("date", "float64", "int64") or len(given) == 0:
        return True
    read = dates(given) if dtype == "date" else numbers(given)
    if read.refused:
        return read.open_question
    return (len(given) - read.values.null_count) >= MOSTLY * len(given)


def _plain_names(column: str) -> set[str]:
    """Return a column's name as it is, and without what stands in brackets: `Amount (EUR)`."""
    return {plain(column), plain(re.sub(r"\([^()]*\)|\[[^\[\]]*\]", "", column))}


def is_key(values: pa.Array) -> bool:
    """Return whether every row has a value of its own in a column."""
    return values.null_count == 0 and pc.count_distinct(values).as_py() == len(values) > 0


def guessed_columns(rows: Rows, taken: set[str], wanted: Sequence[str]) -> dict[str, str]:
    """Guess the columns of the deals that no preset names.

    Args:
        rows: the deals.
        taken: the columns that are used already.
        wanted: our columns to look for.
    """
    raw, found = TABLES["deals"], {}
    types = {column.name: column.dtype for column in raw.columns if column != SOURCE_ROW}
    for name in wanted:
        for word in words()["deals"].get(name, ()):
            column = next((one for one in rows.header if one and plain(word) in _plain_names(one)), None)
            if (
                column is None
                or column in taken
                or not is_kind(rows.columns[column], types.get(name, "string"))
            ):
                continue
            if name == "opportunity_id" and not is_key(rows.columns[column]):
                continue
            found[name] = column
            taken.add(column)
            break
    if "opportunity_id" in wanted and "opportunity_id" not in found:
        keys = [one for one in rows.header if one and one not in taken and is_key(rows.columns[one])]
        found |= {"opportunity_id": keys[0]} if keys else {}
    return found


__all__ = ("DEFAULT", "Look", "guessed_columns", "is_kind", "look", "words")

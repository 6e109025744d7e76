"""Read a mapping: a preset by its name, or a `crm.yaml` laid over its preset line by line."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from collections.abc import Mapping as Mapped
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from yaml.constructor import ConstructorError
from yaml.resolver import BaseResolver

from crm_assets.crm.schema import RAW_ACCOUNTS, RAW_PRODUCTS, RAW_SALES_PIPELINE, RAW_SALES_TEAMS, SOURCE_ROW
from crm_assets.errors import SettingsError
from crm_assets.sources.mapping.headers import same
from crm_assets.sources.mapping.schema import Mapping, Table
from crm_assets.sources.mapping.value import Value

DEFAULT, NOTHING = "kaggle", "none"
_FOLDER = files("crm_assets.sources.mapping") / "presets"
# Each file is a preset.
PRESETS = (
    DEFAULT,
    *sorted({one.name.removesuffix(".yaml") for one in _FOLDER.iterdir()} - {DEFAULT}),
)
# Our tables, as a mapping calls them. The deals come last, since they refer to the others.
TABLES = {
    "accounts": RAW_ACCOUNTS,
    "products": RAW_PRODUCTS,
    "teams": RAW_SALES_TEAMS,
    "deals": RAW_SALES_PIPELINE,
}
# Columns that follow from the stages and the way to tell won and lost, not from a line of their own.
STAGE_COLUMNS = ("deal_stage", "stage_name", "stage_position")
DERIVED = (*STAGE_COLUMNS, SOURCE_ROW.name)

# The sections that are laid over the preset line by line; everything else is replaced as a whole.
_TABLE_SECTIONS = {"columns": {}, "leave_out": {}, "keep": {}, "home_amounts": {}}
_SECTIONS: dict[str, Any] = {
    "files": {},
    "formats": {},
    "money": {"rates": {}},
    "stages": {},
    **dict.fromkeys(TABLES, _TABLE_SECTIONS),
}
# What stands for `nothing` in YAML: such a line removes the preset's. An empty section changes nothing.
_NULLS = ("null", "Null", "NULL", "~")

Path_ = tuple[str, ...]


@dataclass(frozen=True)
class LoadedMapping:
    """A mapping, and which of its lines the user wrote.

    Attributes:
        mapping: the mapping, with the lines of its preset.
        name: what to call it in a sentence: the preset's name, or the file's.
        file: the user's file; None if only a preset was named.
        written: the lines that the user wrote, as paths of keys, such as `("deals", "columns", "amount")`.
    """

    mapping: Mapping
    name: str
    file: Path | None = None
    written: frozenset[Path_] = frozenset()

    def wrote(self, *path: str) -> bool:
        """Return whether the user wrote this line; otherwise it comes from the preset."""
        return path in self.written

    @property
    def remedy_file(self) -> str:
        """The file that a remedy names."""
        return self.file.name if self.file else "a crm.yaml (`make mapping` writes one)"


def load(choice: str) -> LoadedMapping:
    """Read the mapping that `CRM_MAPPING` names: a preset, or the path of a file.

    Raises:
        SettingsError: there is no such preset or file, or the file is no valid mapping.
    """
    if choice in PRESETS:
        return _of_preset(choice)
    path = Path(choice).expanduser()
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(_unreadable(choice, error)) from None
    return parse(text, path)


def parse(text: str, path: Path) -> LoadedMapping:
    """Read a mapping from the text of a file.

    Raises:
        SettingsError: it is no valid mapping.
    """
    given = _read_yaml(text, path.name)
    if not isinstance(given, dict):
        raise SettingsError(f"{path.name}: should hold keys and values, such as `preset: salesforce`.")
    base = given.get("preset", DEFAULT)
    if base not in (*PRESETS, NOTHING):
        raise SettingsError(
            f"{path.name}, preset: there is no preset {base!r}; choose {', '.join(PRESETS)}, or {NOTHING}."
        )
    merged = _laid_over(_preset(base) if base != NOTHING else {}, given, _SECTIONS)
    written = frozenset(_lines(given, _SECTIONS))
    return LoadedMapping(_validated(merged, path.name, written), path.name, path, written)


# Presets are read once: a draft asks for them dozens of times, and reading YAML is slow.
@cache
def _of_preset(name: str) -> LoadedMapping:
    return LoadedMapping(_validated(_preset(name), name), f"the preset {name}")


@cache
def _preset(name: str) -> dict[str, Any]:
    """Return the lines of a preset; nobody may change them."""
    text = (_FOLDER / f"{name}.yaml").read_text("utf-8")
    return {**_read_yaml(text, f"{name}.yaml"), "preset": name}


def _unreadable(choice: str, error: Exception) -> str:
    near = difflib.get_close_matches(choice.lower(), PRESETS, n=1)
    if isinstance(error, UnicodeDecodeError):
        return f"CRM_MAPPING: {choice} is not UTF-8 text; save it with the encoding UTF-8."
    if isinstance(error, FileNotFoundError):
        meant = f" Did you mean {near[0]}?" if near else ""
        return (
            f"CRM_MAPPING={choice} is neither a preset nor a file that exists; name a preset "
            f"({', '.join(PRESETS)}) or the path of a crm.yaml, which `make mapping` writes.{meant}"
        )
    return f"CRM_MAPPING: {choice} cannot be opened ({getattr(error, 'strerror', error)}); check the path."


class _Loader(yaml.BaseLoader):
    """Reads every scalar as the text that stands there, and refuses a key that appears twice.

    YAML would turn a stage called `No` into false and an id `0061` into a number.
    """


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str):
            raise ConstructorError(None, None, "a key should be a text", key_node.start_mark)
        if key in seen:
            problem = f"{key!r} appears twice; keep one of them"
            raise ConstructorError(None, None, problem, key_node.start_mark)
        seen[key] = loader.construct_object(value_node, deep=True)
    return seen


_Loader.add_constructor(BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def _read_yaml(text: str, name: str) -> Any:
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a BaseLoader, which builds nothing but texts
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f", line {mark.line + 1}" if mark else ""
        raise SettingsError(
            f"{name}{where}: not readable as YAML: {error.problem}; correct the line."
        ) from None
    except yaml.YAMLError as error:
        raise SettingsError(f"{name}: not readable as YAML: {error}; correct it.") from None


def _laid_over(base: dict[str, Any], given: dict[str, Any], sections: dict[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in given.items():
        if value in _NULLS:
            result.pop(key, None)
        elif key in sections and value == "":
            continue
        elif key in sections and isinstance(value, dict) and isinstance(base.get(key, {}), dict):
            result[key] = _laid_over(base.get(key, {}), value, sections[key])
        else:
            result[key] = value
    return result


def _lines(given: dict[str, Any], sections: dict[str, Any]) -> Iterator[Path_]:
    for key, value in given.items():
        yield (key,)
        if key in sections and isinstance(value, dict):
            yield from ((key, *rest) for rest in _lines(value, sections[key]))


def _validated(given: dict[str, Any], name: str, written: frozenset[Path_] = frozenset()) -> Mapping:
    try:
        mapping = Mapping.model_validate(given)
    except ValidationError as error:
        raise SettingsError("; ".join(_sentence(name, e) for e in error.errors()) + ".") from None
    if problems := [*_wrong_names(mapping), *_stages_in_two_lists(mapping, written)]:
        raise SettingsError("; ".join(f"{name}, {problem}" for problem in problems) + ".")
    return mapping


def _stages_in_two_lists(mapping: Mapping, written: frozenset[Path_]) -> Iterator[str]:
    """Yield the stages that two lists of the user name; of a list of the preset, the user's counts."""
    stages, seen = mapping.stages, {}
    lists = {
        "prospecting": stages.prospecting,
        "open": [name for names in stages.open for name in names],
        "won": stages.won,
        "lost": stages.lost,
    }
    for section, names in lists.items():
        for name in names if ("stages", section) in written else ():
            other = seen.setdefault(same(name), section)
            if other != section:
                yield f"stages: {name!r} is in both {other} and {section}; keep it in one of them"


def _sentence(name: str, error: Mapped[str, Any]) -> str:
    location = error["loc"]
    where = f"{name}, {_where(location)}" if location else name
    if error["type"] == "extra_forbidden":
        keys = _keys_at(location[:-1])
        near = difflib.get_close_matches(str(location[-1]), keys, n=1)
        meant = f"did you mean {near[0]}? There are" if near else "there are"
        return f"{where}: no such key; {meant} {', '.join(keys)}"
    if error["type"] == "missing":
        return f"{where}: is missing; add it"
    said = str(error["msg"]).removeprefix("Value error, ")
    return f"{where}: {said[:1].lower()}{said[1:]}"


def _where(location: tuple[int | str, ...]) -> str:
    """Return a place in the file as it is written: alternatives by number, without the names of long forms.

    >>> _where(("deals", "columns", "account", "first_of", 0, "id"))
    'deals: columns: account: item 1: id'
    """
    parts = [f"item {part + 1}" if isinstance(part, int) else part for part in location if part != "first_of"]
    return ": ".join(parts)


def _keys_at(location: tuple[int | str, ...]) -> list[str]:
    model: Any = Mapping
    for part in location:
        if isinstance(part, str) and isinstance(model, type) and part in getattr(model, "model_fields", {}):
            model = _model_of(model.model_fields[part].annotation) or model
    return list(model.model_fields)


def _model_of(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for one in get_args(annotation) if (found := _model_of(one))), None)


def _wrong_names(mapping: Mapping) -> Iterator[str]:
    """Yield what refers to a column of ours or a file that there is not."""
    for name, raw in TABLES.items():
        table: Table | None = getattr(mapping, name)
        if table is None:
            continue
        ours = [column for column in raw.names if column not in DERIVED]
        for column in table.columns:
            if column not in ours:
                near = difflib.get_close_matches(column, ours, n=1)
                meant = f"did you mean {near[0]}? There are" if near else "there are"
                yield f"{name}: columns: {column}: we have no such column; {meant} {', '.join(ours)}"
        for place, role in _files_of(table):
            if role not in mapping.files:
                yield (
                    f"{name}: {place}: there is no {role!r} under files; add it there, or use one of "
                    f"{', '.join(mapping.files) or 'the files, once there are any'}"
                )
    listed = mapping.stages.listed_in
    if listed and listed.file not in mapping.files:
        yield f"stages: listed_in: there is no {listed.file!r} under files; add it there"


def _files_of(table: Table) -> Iterator[tuple[str, str]]:
    yield "file", table.file
    for column, value in table.columns.items():
        for part in parts(value):
            if part.file:
                yield f"columns: {column}", part.file


def parts(value: Value) -> Iterator[Value]:
    """Yield a value and everything that it is made of."""
    yield value
    inner = (value.id, value.its, value.take, value.by)
    for part in (*value.first_of, *value.words, *(one for one in inner if one)):
        yield from parts(part)

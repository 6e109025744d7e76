"""The lines of a draft, and values of a mapping as they are written in YAML."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

from crm_assets.sources.mapping.guess.look import Look
from crm_assets.sources.mapping.headers import column_in
from crm_assets.sources.mapping.rows import Rows
from crm_assets.sources.mapping.value import Value

_UNSURE = "UNSURE: "


@dataclass
class Draft:
    """The lines of a draft.

    Attributes:
        lines: its lines.
        doubts: what is not sure, in sentences.
    """

    lines: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The whole draft."""
        return "\n".join(self.lines) + "\n"

    def say(self, text: str, depth: int = 0) -> None:
        """Add a comment."""
        self.lines.append(f"{'  ' * depth}# {text}")

    def doubt(self, text: str, depth: int = 0) -> None:
        """Add a doubt: beside its line, and to the list of all."""
        self.say(_UNSURE + text, depth)
        self.doubts.append(text)

    def put(self, key: str, value: Any, depth: int = 0, note: str = "") -> None:
        """Add a line."""
        line = f"{'  ' * depth}{scalar(key)}: {flow(value)}"
        self.lines.append(line + (f"  # {note}" if note else ""))

    def open(self, key: str, depth: int = 0) -> None:
        """Add the line that begins a section."""
        self.lines.append(f"{'  ' * depth}{key}:")


def shown(value: Value, rows: Rows, found: Look) -> Any:
    """Return a value as YAML, without the alternatives that the files do not have; None if none is left."""
    if value.column is not None:
        written: Any = column_in(rows.header, value.column)
    elif value.first_of or value.words:
        parts = [
            one for part in (*value.first_of, *value.words) if (one := shown(part, rows, found)) is not None
        ]
        flat: list[Any] = []
        for part in parts:
            flat += [one for one in (part if isinstance(part, list) else [part]) if one not in flat]
        written = {"words": flat} if value.words and flat else flat[0] if len(flat) == 1 else flat or None
    elif value.text is not None:
        written = {"text": value.text}
    else:
        written = _shown_lookup(value, rows, found)
    if written is None or (value.when is None and value.divided_by is None):
        return written
    key = {str: "column", list: "first_of"}.get(type(written))
    long_form: dict[str, Any] = {key: written} if key else dict(written)
    return long_form | {
        name: one for name in ("when", "divided_by") if (one := getattr(value, name)) is not None
    }


def _shown_lookup(value: Value, rows: Rows, found: Look) -> Any:
    key = shown(value.id, rows, found) if value.id else None
    if value.table:
        table = getattr(found.mapping, value.table)
        there = table is not None and table.file in found.by_role
        return {"table": value.table, "id": key} if there and key is not None else None
    file = found.by_role.get(str(value.file))
    if file is None or key is None:
        return None
    other = found.tables[file.name]
    parts = {
        name: shown(part, other, found) for name in ("its", "take", "by") if (part := getattr(value, name))
    }
    if parts.get("its") is None or parts.get("take") is None:
        return None
    written = {"file": value.file, "id": key} | {name: one for name, one in parts.items() if one is not None}
    return written | (
        {"where": {name: list(texts) for name, texts in value.where.items()}} if value.where else {}
    )


def scalar(text: str) -> str:
    """Return a text as YAML writes it within a line.

    >>> scalar("Deal Stage"), scalar("yes: no"), scalar("a, b")
    ('Deal Stage', "'yes: no'", "'a, b'")
    """
    return yaml.safe_dump([text], default_flow_style=True, allow_unicode=True, width=10_000).strip()[1:-1]


def flow(value: Any) -> str:
    """Return a value as YAML writes it within a line.

    >>> flow({"column": "Close Date", "when": "open"}), flow(["a", 100.0])
    ('{column: Close Date, when: open}', '[a, 100]')
    """
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(key)}: {flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(one) for one in value) + "]"
    return f"{value:g}" if isinstance(value, float) else scalar(value)

"""`python -m dev.settings_docs`: write the table of settings in docs/reference, and .env.example."""

from __future__ import annotations

import typing
from pathlib import Path

from pydantic.fields import FieldInfo

from crm_assets.settings import Settings, variable
from dev.marks import Part, table
from dev.place import ROOT


def settings_table() -> str:
    """Return the settings as a Markdown table."""
    return table(
        ("variable", "type", "default", "meaning"),
        (
            (f"`{variable(name)}`", _type(field), _default(field) or "unset", field.description)
            for name, field in Settings.model_fields.items()
        ),
    )


def env_example() -> str:
    """Return the settings as an environment file in which every line is a comment."""
    blocks = [
        f"# {(field.description or '').replace('`', '')}\n# {variable(name)}={_default(field).strip('`')}"
        for name, field in Settings.model_fields.items()
    ]
    header = "# Copy this file to .env and uncomment the lines that you change. Never commit .env."
    return "\n\n".join([header, *blocks]) + "\n"


SETTINGS = Part("docs/reference/settings.md", "settings", settings_table)


def main() -> None:
    """Write both files."""
    SETTINGS.write()
    (ROOT / ".env.example").write_text(env_example(), "utf-8")


def _type(field: FieldInfo) -> str:
    arguments = typing.get_args(field.annotation)
    if typing.get_origin(field.annotation) is typing.Literal:
        return ", ".join(f"`{choice}`" for choice in arguments)
    if typing.get_origin(field.annotation) is tuple:
        return "numbers" if float in arguments else "names"
    kinds = [kind for kind in arguments if kind is not type(None)] or [field.annotation]
    names = {str: "text", int: "whole number", float: "number", Path: "path", bool: "true or false"}
    return ", ".join(names.get(kind, "text") for kind in kinds)


def _default(field: FieldInfo) -> str:
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    if isinstance(field.default, tuple):
        return f"`{','.join(map(str, field.default))}`" if field.default else ""
    return "" if field.default is None else f"`{field.default}`"


if __name__ == "__main__":
    main()

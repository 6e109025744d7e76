"""The reference of the commands `python -m crm_assets...`: what they do, and their arguments."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from importlib import import_module

from crm_assets.console.terminal import said
from dev.marks import Part, code, table
from dev.place import ROOT

PAGE = "docs/reference/commands.md"
COMMAND = re.compile(r"`python -m .*?`(?=: )")


def commands() -> str:
    """Return all commands, and the arguments of those that have a parser."""
    found = list(_commands())
    lists = table(("command", "what it does"), ((line, does) for line, does, _ in found))
    rows = [
        (f"`{name.removesuffix('.__main__').rpartition('.')[2]}`", *row)
        for _, _, name in found
        if hasattr(module := import_module(name), "parser")
        for row in _arguments(module.parser())
    ]
    header = ("command", "argument", "default", "meaning")
    return f"{lists}\n\n{table(header, rows)}"


def _commands() -> Iterator[tuple[str, str, str]]:
    """Yield each command as its module's docstring gives it, what it does, and the name to import."""
    for path in sorted((ROOT / "crm_assets").rglob("*.py")):
        doc = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
        if found := COMMAND.match(doc):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            yield found[0], said(doc), name


def _arguments(parser: argparse.ArgumentParser, before: str = "") -> Iterator[tuple[str, str, str]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for helped in action._choices_actions:
                yield f"`{helped.dest}`", "", helped.help or ""
                yield from _arguments(action.choices[helped.dest], f"{helped.dest} ")
        elif not isinstance(action, argparse._HelpAction):
            yield _spelled(action, before), _default(action), action.help or ""


def _spelled(action: argparse.Action, before: str) -> str:
    value = action.dest.upper()
    if not action.option_strings:
        return code([f"{before}{value}"])
    return code([f"{action.option_strings[0]}{'' if action.nargs == 0 else f' {value}'}"])


def _default(action: argparse.Action) -> str:
    return "" if action.default in (None, "", False) else f"`{action.default}`"


ARGUMENTS = Part(PAGE, "commands", commands)

"""The commands in the documents: find them, and check without running them that they exist.

A block of commands starts with ```bash, or with a command. A comment `<!-- not run: why -->` on the line
before says that `dev.run_docs` leaves it out; it is checked all the same.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import click
from dagster._cli import create_dagster_cli
from dotenv import dotenv_values

from crm_assets.settings import Settings, variable
from dev.place import ROOT

BLOCK = re.compile(
    r"^(?: *<!-- not run: (?P<why>[^\n]*) -->\n)? *```(?P<kind>[a-z]*)\n(?P<text>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)
# A block without a language counts if it starts with one of these.
PROGRAMS = re.compile(r"\s*(?:[A-Z_]+=\S+ )*(?:make|python|dagster|export|\.venv/bin/\S+) ")
ASSIGNED = re.compile(r"^([A-Z_][A-Z0-9_]*)=")
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
TARGETS = frozenset(re.findall(r"^([a-z-]+):.*## .+\.$", MAKEFILE, re.MULTILINE))
MAKE_VARIABLES = frozenset(re.findall(r"^([A-Z_]+) \??=", MAKEFILE, re.MULTILINE))
# Settings of tests, tools and libraries, beside the project's own.
OTHER_VARIABLES = frozenset(
    {"CRM_TEST_REAL_DUMP", "CRM_STACK_DIR", "DAGSTER_HOME", "PATH", "SPARK_CONF_DIR", "HUBSPOT_TOKEN"}
    | {"PIPEDRIVE_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "KAGGLE_API_TOKEN"}
)
# Programs of the system, of which nothing is checked.
OF_THE_SYSTEM = frozenset({"cd", "git", "mkdir", "docker", "curl", "pip", "kubectl", "helm"})


@dataclass(frozen=True)
class Block:
    """A block of commands.

    Attributes:
        page: the file.
        line: the number of its first line.
        text: the commands.
        not_run: why `dev.run_docs` leaves it out; empty if it does not.
    """

    page: Path
    line: int
    text: str
    not_run: str

    @property
    def place(self) -> str:
        """Where it is, for messages."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def commands(self) -> list[str]:
        """The commands, one each."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]


def pages() -> list[Path]:
    """Return all pages that may have commands."""
    return [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md"))]


def blocks(page: Path) -> Iterator[Block]:
    """Yield the blocks of commands of a page."""
    text = page.read_text("utf-8")
    for found in BLOCK.finditer(text):
        line = text.count("\n", 0, found.start("text")) + 1
        if found["kind"] == "bash" or (not found["kind"] and PROGRAMS.match(found["text"])):
            yield Block(page, line, found["text"], found["why"] or "")


def problem(command: str) -> str | None:
    """Return what is wrong with a command, or None.

    >>> problem("make runn")
    'make has no target runn'
    >>> problem("CRM_DATA_DIR=folder make run") is None
    True
    """
    words = shlex.split(command.split(" < ")[0].split(" > ")[0], comments=True)
    if words[:1] == ["export"]:
        return _variables(words[1:])
    assigned = [word for word in words if ASSIGNED.match(word)]
    leading = words[: next((n for n, word in enumerate(words) if not ASSIGNED.match(word)), len(words))]
    program, *arguments = words[len(leading) :] or [""]
    if wrong := _variables(leading):
        return wrong
    match program.removeprefix(".venv/bin/"):
        case "make":
            return _make([word for word in arguments if word not in assigned], assigned)
        case "python":
            return _python(arguments)
        case "dagster":
            return _dagster(arguments)
        case "eval":
            return problem(arguments[0].removeprefix("$(").removesuffix(")"))
        case "cp":
            return None if (ROOT / arguments[0]).exists() else f"there is no file {arguments[0]}"
        case "uv" | "pre-commit" | ".ci/run":
            return None
        case name:
            return None if name in OF_THE_SYSTEM else f"{name} is no command that the documents know"


def _variables(assignments: list[str]) -> str | None:
    ours = {variable(name) for name in Settings.model_fields}
    docker = set(dotenv_values(ROOT / "docker" / "env.example"))
    known = ours | docker | OTHER_VARIABLES
    unknown = [word.split("=")[0] for word in assignments if word.split("=")[0] not in known]
    return f"there is no setting {unknown[0]}" if unknown else None


def _make(targets: list[str], assigned: list[str]) -> str | None:
    wrong = [f"make has no target {name}" for name in targets if name not in TARGETS]
    wrong += [
        f"make has no variable {name}" for name in (w.split("=")[0] for w in assigned) if not _makes(name)
    ]
    return wrong[0] if wrong else None


def _makes(name: str) -> bool:
    return name in MAKE_VARIABLES or _variables([f"{name}="]) is None


def _python(arguments: list[str]) -> str | None:
    if arguments[:1] == ["-c"]:
        compile(arguments[1], "documents", "exec")
        return None
    module = arguments[1] if arguments[:1] == ["-m"] else ""
    return None if module and find_spec(module) else f"there is no module {module or arguments}"


def _dagster(arguments: list[str]) -> str | None:
    """Let Dagster's own command line read the arguments, and do nothing."""
    command: click.Command = create_dagster_cli()
    rest = list(arguments)
    with click.Context(command) as context:
        while isinstance(command, click.Group):
            if not rest or (found := command.get_command(context, rest[0])) is None:
                return f"dagster has no command {' '.join(arguments)}"
            command, rest = found, rest[1:]
    try:
        command.make_context("dagster", rest)
    except click.ClickException as error:
        return f"dagster: {error.format_message()}"
    return None

"""A scratch copy of the project, on which tests follow a recipe of CONTRIBUTING.md exactly."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from dev import warm
from dev.place import ROOT

COPIED = ("crm_assets", "crm_assets_tests", "dev", "benchmarks", "docker", "docs", "notebooks")
FILES = (
    "pyproject.toml",
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "Makefile",
    "dagster.yaml",
    "workspace.yaml",
)


@dataclass(frozen=True)
class Scratch:
    """A copy of the project in a separate folder, which tests may change."""

    root: Path

    def edit(self, file: str, *changes: tuple[str, str]) -> None:
        """Replace texts of a file; the file must have each of them exactly once."""
        path = self.root / file
        text = path.read_text()
        for before, after in changes:
            assert text.count(before) == 1, f"{file} has {text.count(before)} times: {before}"
            text = text.replace(before, after)
        path.write_text(text)

    def add(self, file: str, text: str) -> None:
        """Write a file that the project does not have."""
        path = self.root / file
        assert not path.exists()
        path.write_text(text)

    def changed(self) -> set[str]:
        """Return the files that differ from the project's own."""
        found = set()
        for path in self.root.rglob("*"):
            name = path.relative_to(self.root).as_posix()
            if path.is_file() and path.suffix != ".pyc" and ".cache" not in name:
                own = ROOT / name
                if not own.exists() or own.read_bytes() != path.read_bytes():
                    found.add(name)
        return found

    def python(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run Python on the copy, and never on the project itself."""
        environment = os.environ | {"PYTHONPATH": str(self.root), "PYTHONDONTWRITEBYTECODE": "1"} | settings
        # A recipe is proven on made-up data.
        environment.pop("CRM_TEST_REAL_DUMP", None)
        if arguments[0] == "-m":
            return warm.run(arguments, environment, self.root)
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.root,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def tests(self, *which: str) -> subprocess.CompletedProcess[str]:
        """Run tests of the copy, without the plugins of libraries, which take seconds to load."""
        tests = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-x", *which)
        return self.python(*tests, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")


def scratch_copy(folder: Path) -> Scratch:
    """Copy the project's code into a folder."""
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, folder / name)
    return Scratch(folder)

"""Tools that the benchmarks share: the machine in one line, and their sections of README.md."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

README = Path(__file__).parent / "README.md"

TABLES = ("duckdb", "ibis-framework", "pandas", "polars", "pyspark", "pyarrow")
MODELS = ("scikit-learn", "xgboost", "shap", "pandas", "duckdb")
GRAPH = ("dagster", "mlflow", "great-expectations", "duckdb", "pandas")


def machine(packages: tuple[str, ...]) -> str:
    """Return cores, memory and the versions of the measured packages."""
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{name} {found}" for name in packages if (found := _version(name)))
    return f"{os.cpu_count()} cores, {gib:.0f} GiB, Python {platform.python_version()}, {versions}."


def write_section(name: str, text: str, packages: tuple[str, ...]) -> None:
    """Replace the text between the two marks of a section of README.md, and add the machine.

    Raises:
        ValueError: the file has no such section.
    """
    begin, end = f"<!-- {name}: begin, written by the benchmark -->", f"<!-- {name}: end -->"
    before, found, rest = README.read_text().partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{README} has no section {name}; give it the lines {begin} and {end}.")
    README.write_text(f"{before}{begin}\n{machine(packages)}\n\n{text}\n{end}{after}")


def _version(package: str) -> str:
    try:
        return version(package)
    except ModuleNotFoundError:
        return ""

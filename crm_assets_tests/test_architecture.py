"""Packages import only downward, and the core imports none of the frameworks around it."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

import crm_assets
from dev.architecture_docs import arrows, rooms

PACKAGE = Path(crm_assets.__file__).parent

# The order of all packages: each may import itself and those above it in this list.
ROOMS = (
    "errors",
    "files",
    "crm",
    "engine",
    "modeling",
    "settings",
    "tuning",
    "shortage",
    "sources",
    "storage",
    "registry",
    "insight",
    "monitoring",
    "delivery",
    "writeback",
    "defs",
    "definitions",
    "serving",
    "dashboard",
    "console",
    "__main__",
)
CORE = ("errors", "crm", "engine", "modeling")
# The packages that may import a framework; all others may not.
MAY_IMPORT = {
    "dagster": ("defs", "definitions"),
    "mlflow": ("registry", "defs"),
    "fastapi": ("serving",),
    "streamlit": ("dashboard",),
    "optuna": ("tuning",),
}


def all_modules() -> list[Path]:
    # pyspark is an extra: only an environment that has it can import its module.
    return [p for p in sorted(PACKAGE.rglob("*.py")) if p.name != "spark.py" or find_spec("pyspark")]


def room_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def modules(*rooms: str) -> list[Path]:
    found = [path for path in all_modules() if room_of(path) in rooms]
    assert found
    return found


def dotted(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports(nodes: Iterator[ast.AST]) -> set[str]:
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return names


def everywhere(path: Path) -> set[str]:
    """Return what a module imports, including inside functions."""
    return imports(ast.walk(ast.parse(path.read_text())))


def when_imported(path: Path) -> set[str]:
    """Return what a module imports when it is imported: nothing inside functions or only for types."""

    def run(nodes: list[ast.stmt]) -> Iterator[ast.AST]:
        for node in nodes:
            yield node
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                yield from run(node.orelse)
                continue
            yield from run([child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)])

    return imports(run(ast.parse(path.read_text()).body))


def breaches(names: set[str], forbidden: tuple[str, ...]) -> list[str]:
    return sorted(n for n in names if any(n == f or n.startswith((f"{f}.", f"{f}_")) for f in forbidden))


def test_every_room_has_its_place_in_the_order() -> None:
    found = {room_of(path) for path in all_modules()} - {"__init__"}
    assert sorted(found - set(ROOMS)) == []


def test_contributors_read_the_order_that_is_tested() -> None:
    page = (PACKAGE.parent / "CONTRIBUTING.md").read_text("utf-8")
    told = page.partition("tests this order:")[2].partition("\n- ")[0]
    assert tuple(re.findall(r"`(\w+)`", told)) == ROOMS[: ROOMS.index("__main__")]


@pytest.mark.parametrize("path", [p for p in all_modules() if room_of(p) != "__init__"], ids=dotted)
def test_a_room_imports_only_rooms_before_it(path: Path) -> None:
    later = ROOMS[ROOMS.index(room_of(path)) + 1 :]
    assert breaches(everywhere(path), tuple(f"crm_assets.{room}" for room in later)) == []


@pytest.mark.parametrize("path", all_modules(), ids=dotted)
def test_frameworks_stay_in_their_rooms(path: Path) -> None:
    forbidden = tuple(name for name, rooms in MAY_IMPORT.items() if room_of(path) not in rooms)
    assert breaches(everywhere(path), forbidden) == []


@pytest.mark.parametrize("path", modules("crm", "storage"), ids=dotted)
def test_tables_load_without_scikit_learn(path: Path) -> None:
    assert breaches(when_imported(path), ("sklearn", "xgboost", "shap", "crm_assets.modeling")) == []


def test_nothing_that_users_install_imports_the_tools_of_developers() -> None:
    found = {dotted(path): breaches(everywhere(path), ("dev", "crm_assets_tests")) for path in all_modules()}
    assert {name: names for name, names in found.items() if names} == {}


@pytest.fixture(scope="module")
def loaded() -> tuple[set[str], set[str]]:
    """Return the top-level packages that a new process has loaded after importing tables, then modeling."""
    script = (
        "import importlib, json, sys\n"
        "for names in json.loads(sys.argv[1]):\n"
        "    for name in names: importlib.import_module(name)\n"
        "    print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    tables = [*modules("crm", "engine", "sources"), PACKAGE / "storage" / "tables.py"]
    rooms = json.dumps([[dotted(path) for path in room] for room in (tables, modules("modeling"))])
    run = subprocess.run([sys.executable, "-c", script, rooms], capture_output=True, text=True, check=True)
    of_tables, of_modeling = (set(json.loads(line)) for line in run.stdout.splitlines())
    return of_tables, of_modeling


def test_importing_the_core_loads_no_framework(loaded: tuple[set[str], set[str]]) -> None:
    assert {"crm_assets", "sklearn"} <= loaded[1]
    assert not [name for name in loaded[1] if name.startswith(tuple(MAY_IMPORT))]


def test_importing_tables_and_sources_loads_no_scikit_learn(loaded: tuple[set[str], set[str]]) -> None:
    assert "crm_assets" in loaded[0]
    assert not [name for name in loaded[0] if name.startswith(("sklearn", "xgboost", "shap"))]


def test_the_diagram_of_rooms_shows_only_imports_that_the_order_allows() -> None:
    assert {room for arrow in arrows() for room in arrow} == {room_of(path) for path in all_modules()} - {
        "__init__"
    }
    assert [(one, other) for one, other in arrows() if ROOMS.index(one) < ROOMS.index(other)] == []


def test_every_room_says_what_it_holds() -> None:
    assert [room for room, said in rooms().items() if not said] == []

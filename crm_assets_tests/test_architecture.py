"""Dependencies point one way, and the core is free of the frameworks around it."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

import crm_assets

PACKAGE = Path(crm_assets.__file__).parent
FRAMEWORKS = ("dagster", "mlflow", "fastapi")
OUTER_ROOMS = tuple(
    f"crm_assets.{room}"
    for room in ("assets", "registry", "checks", "automation", "storage", "serving", "console", "definitions")
)


def modules(room: str) -> list[Path]:
    found = sorted((PACKAGE / room).rglob("*.py"))
    assert found
    # pyspark is an extra: only a test that has it may import its module.
    return [path for path in found if path.name != "spark.py" or find_spec("pyspark")]


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
    """What a module imports, inside functions too."""
    return imports(ast.walk(ast.parse(path.read_text())))


def when_imported(path: Path) -> set[str]:
    """What a module imports when it is itself imported: nothing inside functions or for types alone."""

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


@pytest.mark.parametrize("path", [*modules("crm"), *modules("modeling")], ids=dotted)
def test_no_module_of_the_core_imports_a_framework_or_a_room_around_it(path: Path) -> None:
    assert breaches(everywhere(path), FRAMEWORKS + OUTER_ROOMS) == []


@pytest.mark.parametrize("path", modules("crm"), ids=dotted)
def test_data_flows_from_crm_to_modeling_and_never_back(path: Path) -> None:
    assert breaches(everywhere(path), ("crm_assets.modeling", "crm_assets.sources")) == []


@pytest.mark.parametrize("path", modules("sources"), ids=dotted)
def test_no_source_imports_a_framework_or_a_room_further_on(path: Path) -> None:
    assert breaches(everywhere(path), (*FRAMEWORKS, *OUTER_ROOMS, "crm_assets.modeling")) == []


@pytest.mark.parametrize("path", [*modules("crm"), *modules("storage")], ids=dotted)
def test_tables_load_without_scikit_learn(path: Path) -> None:
    assert breaches(when_imported(path), ("sklearn", "xgboost", "shap", "crm_assets.modeling")) == []


@pytest.fixture(scope="module")
def loaded() -> tuple[set[str], set[str]]:
    """The top-level packages that a fresh process holds after importing tables, and after modeling too."""
    script = (
        "import importlib, json, sys\n"
        "for names in json.loads(sys.argv[1]):\n"
        "    for name in names: importlib.import_module(name)\n"
        "    print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    tables = [*modules("crm"), *modules("sources"), PACKAGE / "storage" / "tables.py"]
    rooms = json.dumps([[dotted(path) for path in room] for room in (tables, modules("modeling"))])
    run = subprocess.run([sys.executable, "-c", script, rooms], capture_output=True, text=True, check=True)
    of_tables, of_modeling = (set(json.loads(line)) for line in run.stdout.splitlines())
    return of_tables, of_modeling


def test_importing_the_core_loads_no_framework(loaded: tuple[set[str], set[str]]) -> None:
    assert {"crm_assets", "sklearn"} <= loaded[1]
    assert not [name for name in loaded[1] if name.startswith(FRAMEWORKS)]


def test_importing_tables_and_sources_loads_no_scikit_learn(loaded: tuple[set[str], set[str]]) -> None:
    assert "crm_assets" in loaded[0]
    assert not [name for name in loaded[0] if name.startswith(("sklearn", "xgboost", "shap"))]

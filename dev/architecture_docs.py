"""C4 diagrams for docs/architecture.md: containers from docker/compose.yaml, components from the imports."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml

from dev.marks import Part, table
from dev.place import ROOT

PACKAGE = ROOT / "crm_assets"
PAGE = "docs/architecture.md"
# What the services do.
SERVICES = {
    "postgres": "PostgreSQL: Dagster's history, MLflow's registry",
    "minio": "S3 server: tables, run logs, models",
    "buckets": "A job: creates buckets and users, then ends",
    "mlflow": "MLflow: experiments and registry",
    "code": "Code location: the graph, and the processes of runs",
    "webserver": "Dagster: UI of graph, runs and checks",
    "daemon": "Dagster: schedule, sensors, queue of runs",
    "api": "REST API: stored and fresh answers",
    "dashboard": "Streamlit: forecast and deals for the sales team",
    "redis": "Cache and rate limits that several APIs share",
    "metrics": "Exporter: metrics of runs, tables and registry",
    "prometheus": "Prometheus: metrics over time, alert rules",
    "grafana": "Grafana: the dashboard of operations",
}
# Rooms that import no framework.
CORE = ("errors", "crm", "engine", "modeling")


@cache
def rooms() -> dict[str, str]:
    """Return the rooms, each after those it imports, with the first lines of their docstrings."""
    places = [path for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()]
    said = {path.stem: _said(path) for path in sorted(places) if path.stem != "__init__"}
    imported = _all_imports(said)
    order = sorted(said, key=lambda room: (len(_reached(room, imported)), room))
    return {room: said[room] for room in order}


def arrows() -> set[tuple[str, str]]:
    """Return which room imports which, without arrows that follow from others."""
    imported = _all_imports(rooms())
    return {
        (room, other)
        for room, others in imported.items()
        for other in others
        if not any(other in _reached(between, imported) for between in others - {other})
    }


def uses() -> set[tuple[str, str]]:
    """Return which service uses which: those it waits for, and those that a job has prepared for it."""
    services = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text("utf-8"))["services"]
    found: set[tuple[str, str]] = set()
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            prepared = how.get("condition") == "service_completed_successfully"
            found |= {(name, one) for one in (services[other]["depends_on"] if prepared else [other])}
    return found


def containers() -> str:
    """Return the services of the deployed stack as a flowchart in Mermaid."""
    names = sorted({name for arrow in uses() for name in arrow})
    lines = [
        "flowchart TB",
        '    subgraph stack ["The deployed stack"]',
        *(f'        {name}["<b>{name}</b><br/>{SERVICES[name]}"]' for name in names),
        "    end",
        *(f"    {name} --> {other}" for name, other in sorted(uses())),
    ]
    return "\n".join(["```mermaid", *lines, "```"])


def components() -> str:
    """Return the rooms and their imports as a flowchart in Mermaid, laid out from top to bottom."""
    order = list(reversed(rooms()))
    lines = [
        "flowchart TB",
        *(f"    {_box(room)}" for room in order if room not in CORE),
        '    subgraph core ["Core: no Dagster, no MLflow, no web framework"]',
        *(f"        {_box(room)}" for room in order if room in CORE),
        "    end",
        *(f"    {room} --> {other}" for room, other in sorted(arrows())),
    ]
    return "\n".join(["```mermaid", *lines, "```"])


def rooms_table() -> str:
    """Return the rooms with what they hold."""
    return table(("room", "what it holds"), ((f"`{_shown(room)}`", said) for room, said in rooms().items()))


def _box(room: str) -> str:
    words = rooms()[room].split(":")[0].rstrip(".").replace('"', "'").replace("`", "")
    return f'{room}["<b>{room}</b><br/>{words}"]'


def _shown(room: str) -> str:
    path = PACKAGE / room
    return f"crm_assets/{room}" if path.is_dir() else f"crm_assets/{room}.py"


def _said(path: Path) -> str:
    module = path / "__init__.py" if path.is_dir() else path
    return (ast.get_docstring(ast.parse(module.read_text("utf-8"))) or "").split("\n")[0]


def _all_imports(names: Mapping[str, str]) -> dict[str, set[str]]:
    return {room: set(_imports(room)) & set(names) - {room} for room in names}


@cache
def _imports(room: str) -> frozenset[str]:
    path = PACKAGE / room
    found = set()
    for module in sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]:
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(name.split(".")[1] for name in found if name.startswith("crm_assets."))


def _reached(room: str, imported: Mapping[str, set[str]]) -> set[str]:
    return imported[room].union(*(_reached(other, imported) for other in imported[room]))


ARCHITECTURE = (
    Part(PAGE, "containers", containers),
    Part(PAGE, "components", components),
    Part(PAGE, "rooms", rooms_table),
)

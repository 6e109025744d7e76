"""`python -m dev.graph_docs`: draw docs/graph.svg, the picture of the asset graph, from the definitions."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import dagster as dg

from crm_assets.definitions import defs
from dev.place import ROOT

PICTURE = ROOT / "docs" / "graph.svg"
# Each group with the color of its box, in the order in which data flows.
GROUPS = {
    "raw": "#dbe7f3",
    "crm": "#e2ecd9",
    "snapshots": "#e2ecd9",
    "features": "#e2ecd9",
    "tuning": "#f1ece2",
    "models": "#f6e6cc",
    "predictions": "#f3d9d6",
    "quality": "#e6e1ee",
}
OTHER = "#eceef1"
LOOKS = (
    'graph [rankdir=LR, nodesep=0.12, ranksep=0.45, fontname="Helvetica", fontsize=12, bgcolor=white]',
    'node [shape=box, style="rounded,filled", fillcolor=white, color="#5f6b7a", penwidth=0.8, '
    'fontname="Helvetica", fontsize=11, height=0.3, margin="0.1,0.04"]',
    'edge [color="#8a94a3", penwidth=0.8, arrowsize=0.55]',
)
Edges = set[tuple[str, str]]


def assets_by_group(definitions: dg.Definitions) -> dict[str, list[str]]:
    """Return the names of the assets of each group."""
    found: dict[str, list[str]] = {}
    for spec in sorted(definitions.resolve_all_asset_specs(), key=lambda spec: spec.key):
        found.setdefault(spec.group_name or "", []).append(spec.key.to_user_string())
    return found


def edges(definitions: dg.Definitions) -> Edges:
    """Return which asset is made from which, without arrows that follow from others."""
    parents = {
        spec.key.to_user_string(): {dep.asset_key.to_user_string() for dep in spec.deps}
        for spec in definitions.resolve_all_asset_specs()
    }
    return {
        (parent, name)
        for name, own in parents.items()
        for parent in own
        if not any(parent in _ancestors(other, parents) for other in own - {parent})
    }


def dot(definitions: dg.Definitions) -> str:
    """Return the graph in Graphviz's language."""
    return "\n".join(["digraph assets {", *LOOKS, *_boxes(definitions), *_arrows(definitions), "}"])


def draw(text: str) -> str:
    """Return the graph as SVG: the same bytes on every machine."""
    beside_python = Path(sys.executable).parent
    program = shutil.which("graphviz-pure", path=f"{beside_python}{os.pathsep}{os.environ['PATH']}")
    if program is None:
        raise SystemExit("The program graphviz-pure is missing; run `make install`.")
    return subprocess.run([program, "-Tsvg"], input=text, capture_output=True, text=True, check=True).stdout


def main() -> None:
    """Write the picture."""
    PICTURE.write_text(draw(dot(defs)), "utf-8")


def _ancestors(name: str, parents: Mapping[str, set[str]]) -> set[str]:
    own = parents.get(name, set())
    return own.union(*(_ancestors(parent, parents) for parent in own))


def _boxes(definitions: dg.Definitions) -> Iterator[str]:
    for group, names in assets_by_group(definitions).items():
        yield f'subgraph "cluster_{group}" {{ label="{group}"; labeljust=l; style="rounded,filled"; '
        yield f'color="{GROUPS.get(group, OTHER)}"; {"; ".join(names)} }}'


def _arrows(definitions: dg.Definitions) -> Iterator[str]:
    for parent, name in sorted(edges(definitions)):
        yield f"{parent} -> {name}"


if __name__ == "__main__":
    main()

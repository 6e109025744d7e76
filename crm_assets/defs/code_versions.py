"""Code versions: a digest of only the code that computes an asset.

It covers the asset's function and all that the function uses from the packages that compute, symbol by
symbol, without comments and docstrings. An edit elsewhere, even in the same module, does not mark the asset
stale. It does not cover what a step takes from settings, storage or the registry.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parent.parent
# The packages that compute tables. Of other packages, the digest covers only the module of the asset.
ROOMS = ("crm", "engine", "modeling", "monitoring", "sources")
_COMPUTES = tuple(f"{PACKAGE.name}.{room}" for room in ROOMS)
DIGITS = 12
# Of one module: the digest and used names of each name it defines, and the origin of each imported name.
Symbols = dict[str, Any]
# A module and a name in it.
Place = tuple[str, str]


def code_version(*objects: Callable[..., Any] | type) -> str:
    """Return the digest of the code of some functions or classes and of everything they use.

    The same code has the same version under one release of Python; another release may give another version.
    """
    seen: dict[Place, str] = {}
    passed: set[Place] = set()
    todo = [(made.__module__, str(getattr(made, "__qualname__", "")).split(".")[0]) for made in objects]
    while todo:
        place = todo.pop()
        if place in passed:
            continue
        passed.add(place)
        digest, uses = _symbol(*place)
        if digest is not None:
            seen[place] = digest
        todo += uses
    text = "".join(f"{module}.{name}={seen[module, name]};" for module, name in sorted(seen))
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


@cache
def _symbol(module: str, name: str) -> tuple[str | None, tuple[Place, ...]]:
    """Return the digest of what a module defines under a name, if it does, and where what it uses is."""
    if (source := _path(module)) is None:
        return None, ()
    symbols = _symbols(source)
    digest, uses = symbols["defines"].get(name, (None, (name,) if name in symbols["imports"] else ()))
    return digest, tuple(found for use in uses if (found := _resolved(module, symbols, use)))


def _resolved(module: str, symbols: Symbols, use: str) -> Place | None:
    """Find where a used name, or the attribute of a module such as `cleaning.opportunities`, is defined."""
    first, _, attribute = use.partition(".")
    if first in symbols["defines"]:
        return module, first
    origin = symbols["imports"].get(first)
    if origin is None or not _computes(origin.partition(":")[0]):
        return None
    module, _, name = origin.partition(":")
    if name and _path(f"{module}.{name}"):
        return (f"{module}.{name}", attribute) if attribute else None
    return (module, name) if name else (module, attribute)


def _computes(module: str) -> bool:
    return module.startswith(_COMPUTES)


@cache
def _path(module: str) -> Path | None:
    path = PACKAGE.parent.joinpath(*module.split("."))
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.exists():
            return file
    return None


@cache
def _symbols(path: Path) -> Symbols:
    source = path.read_bytes()
    digest = hashlib.sha256(source + PACKAGE.name.encode()).hexdigest()
    kept = Path(cache_from_source(str(path))).with_suffix(".symbols.json")
    with suppress(OSError, ValueError, KeyError):
        known = json.loads(kept.read_text("utf-8"))
        if known["digest"] == digest and known["by"] == _own_digest():
            return known
    symbols = {"digest": digest, "by": _own_digest(), **_parsed(ast.parse(source))}
    _keep(kept, symbols)
    return symbols


@cache
def _own_digest() -> str:
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()


def _keep(path: Path, symbols: Symbols) -> None:
    """Cache the parsed symbols beside Python's compiled files, if that folder is writable."""
    with suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
            json.dump(symbols, file)
        os.replace(file.name, path)  # noqa: PTH105


def _parsed(tree: ast.Module) -> Symbols:
    defines: dict[str, list[Any]] = {}
    imports: dict[str, str] = {}
    for node in _running(tree):
        if isinstance(node, ast.ImportFrom):
            imports |= {(a.asname or a.name): f"{node.module}:{a.name}" for a in node.names}
        elif isinstance(node, ast.Import):
            imports |= {(a.asname or a.name.split(".")[0]): a.name for a in node.names}
    for node in tree.body:
        for name in _names(node):
            digest, uses = _digest(node)
            before = defines.get(name, ["", []])
            defines[name] = [before[0] + digest, sorted({*before[1], *uses})]
    return {"defines": defines, "imports": imports}


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield all nodes except those that only type checkers see."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        yield from _running(node)


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    names = (found for target in targets if target is not None for found in ast.walk(target))
    return [name.id for name in names if isinstance(name, ast.Name)]


def _digest(node: ast.stmt) -> tuple[str, list[str]]:
    """Return the digest of a statement without its docstrings, and the names that it uses."""
    uses = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    uses |= {
        f"{n.value.id}.{n.attr}"
        for n in ast.walk(node)
        if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)
    }
    # A parameter may share its name with something else in the module, as the inputs of an asset do.
    uses -= {n.arg for n in ast.walk(node) if isinstance(n, ast.arg)}
    for inner in ast.walk(node):
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                # Decorators of assets only say what the UI shows. Their arguments are still followed.
                inner.decorator_list = [d for d in inner.decorator_list if not isinstance(d, ast.Call)]
            if ast.get_docstring(inner, clean=False) is not None:
                inner.body = inner.body[1:] or [ast.Pass()]
    return hashlib.sha256(ast.dump(node).encode()).hexdigest()[:DIGITS], sorted(uses)

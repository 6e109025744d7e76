"""The reference of the REST API, from its OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from crm_assets.serving.app import create_app
from crm_assets.serving.problems import TITLES
from crm_assets.settings import Settings
from dev.marks import Part, code, table

PAGE = "docs/reference/rest-api.md"
_SCHEMAS = "#/components/schemas/"
_LIMITS = {
    "minimum": "from {}",
    "maximum": "to {}",
    "minItems": "at least {} of them",
    "maxItems": "at most {} of them",
    "maxLength": "at most {} characters",
}
# Limits from here on only keep nonsense away.
_FAR = 1e12


@cache
def document() -> dict[str, Any]:
    """Return the OpenAPI document."""
    return create_app(Settings.model_construct())[1].openapi()


def addresses() -> str:
    """Return all addresses with parameters, body, answer and errors."""
    return "\n".join(_address(path, method, told) for path, method, told in _operations()).strip()


def bodies() -> str:
    """Return the bodies of requests and answers with their fields."""
    objects = {name: told for name, told in document()["components"]["schemas"].items() if "enum" not in told}
    return "\n".join(_body(name, objects[name]) for name in sorted(objects)).strip()


def errors() -> str:
    """Return the statuses of problems, with the addresses that answer with them.

    Those that no address documents come from what stands before every address.
    """
    paths = [path for path, _, _ in _operations()]
    by_status: dict[int, list[str]] = {}
    for path, _, told in _operations():
        for status in told["responses"]:
            by_status.setdefault(int(status), []).append(path)
    rows = ((status, title, _which(by_status.get(status, paths), paths)) for status, title in TITLES.items())
    return table(("status", "title", "addresses"), rows)


def _which(some: list[str], every: list[str]) -> str:
    others = [path for path in every if path not in some]
    if not others:
        return "all"
    return code(some) if len(some) <= len(others) else f"all but {code(others)}"


def _operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document()["paths"].items():
        for method, told in methods.items():
            yield path, method, told


def _address(path: str, method: str, told: dict[str, Any]) -> str:
    lines = [f"\n### {method.upper()} {path}", "", told["description"]]
    if parameters := told.get("parameters"):
        rows = (
            (
                f"`{one['name']}`",
                _kind(one["schema"]),
                "" if one["required"] else _default(one["schema"]),
                one.get("description", ""),
            )
            for one in parameters
        )
        lines += ["", table(("parameter", "type", "default", "meaning"), rows)]
    if "requestBody" in told:
        lines += ["", f"Body: {_kind(_content(told['requestBody']))}."]
    problems = ", ".join(sorted(status for status in told["responses"] if status != "200"))
    lines += ["", f"Answer: {_kind(_content(told['responses']['200']))}. Errors: {problems}."]
    return "\n".join(lines)


def _body(name: str, told: dict[str, Any]) -> str:
    rows = (
        (
            f"`{field}`",
            _kind(schema) + (" or null" if _nullable(schema) and field in told.get("required", ()) else ""),
            "yes" if field in told.get("required", ()) else "",
            schema.get("description", ""),
        )
        for field, schema in told["properties"].items()
    )
    shown = table(("field", "type", "always there", "meaning"), rows)
    return f"\n### {name}\n\n{told['description']}\n\n{shown}"


def _content(told: dict[str, Any]) -> dict[str, Any]:
    return next(iter(told["content"].values()))["schema"]


def _kind(schema: dict[str, Any]) -> str:
    """Return the type of a value in words, with its limits."""
    if reference := schema.get("$ref"):
        name = reference.removeprefix(_SCHEMAS)
        told = document()["components"]["schemas"][name]
        return _kind(told) if "enum" in told else f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_kind(one) for one in schema["anyOf"] if one.get("type") != "null")
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        text = f"list of {_kind(schema['items'])}"
    else:
        text = schema.get("format") or schema.get("type", "any")
    limits = (
        said.format(f"{schema[key]:,g}" if isinstance(schema[key], float) else f"{schema[key]:,}")
        for key, said in _LIMITS.items()
        if key in schema and abs(schema[key]) < _FAR
    )
    return ", ".join((text, *limits))


def _default(schema: dict[str, Any]) -> str:
    default = schema.get("default")
    return "" if default is None else f"`{str(default).lower()}`"


def _nullable(schema: dict[str, Any]) -> bool:
    return {"type": "null"} in schema.get("anyOf", ())


REST = (Part(PAGE, "addresses", addresses), Part(PAGE, "errors", errors), Part(PAGE, "bodies", bodies))

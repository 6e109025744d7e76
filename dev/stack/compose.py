"""Read docker/compose.yaml: what each service runs, with which environment, and when it is healthy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from crm_assets.errors import StackError

ROOT = Path(__file__).parent.parent.parent
COMPOSE_FILE = ROOT / "docker" / "compose.yaml"

_VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+)(?:(?P<rule>:[-?])(?P<text>[^}]*))?\})")
_DURATION = re.compile(r"(?:(\d+)m)?(?:(\d+)s)?")


@dataclass(frozen=True)
class HealthCheck:
    """How to find out whether a service is healthy. Times in seconds."""

    command: tuple[str, ...]
    interval: float
    timeout: float
    retries: int
    start_period: float
    start_interval: float

    @property
    def patience(self) -> float:
        """How long a starting service may take to become healthy, in seconds."""
        return self.start_period + self.retries * self.interval


@dataclass(frozen=True)
class Service:
    """One service of the compose file, with its variables filled in."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str]
    # Additional files of settings, whether they exist or not.
    env_files: tuple[Path, ...]
    needs: tuple[str, ...]
    health: HealthCheck | None


def interpolate(text: str, variables: Mapping[str, str]) -> str:
    """Fill in `${NAME}`, `${NAME:-default}` and `${NAME:?sentence}` as Compose does; `$$` is a dollar sign.

    Raises:
        StackError: a required variable is not set.

    >>> interpolate("${HOST:-db}:${PORT:-5432}/$$x", {"PORT": "6000"})
    'db:6000/$x'
    """

    def value(found: re.Match[str]) -> str:
        if found["dollar"]:
            return "$"
        given = variables.get(found["name"], "")
        if found["rule"] == ":?" and not given:
            raise StackError(f"{found['name']} {found['text']}.")
        return given or (found["text"] if found["rule"] == ":-" else "")

    return _VARIABLE.sub(value, text)


def variable_names(text: str) -> set[str]:
    """Return the variables that a compose file's text uses.

    >>> sorted(variable_names("${A:-x} $$ ${B}"))
    ['A', 'B']
    """
    return {found["name"] for found in _VARIABLE.finditer(text) if found["name"]}


def seconds(duration: str) -> float:
    """Return a duration of the compose file in seconds.

    >>> seconds("1m30s"), seconds("20s")
    (90.0, 20.0)
    """
    found = _DURATION.fullmatch(duration)
    if not found or not duration:
        raise StackError(f"{duration!r} in {COMPOSE_FILE.name} is not a duration; write it like 1m30s.")
    return 60.0 * int(found[1] or 0) + int(found[2] or 0)


def read_services(variables: Mapping[str, str], file: Path = COMPOSE_FILE) -> dict[str, Service]:
    """Return the services of the compose file by name, in its order.

    Raises:
        StackError: a required variable is not set.
    """
    content = _filled(yaml.safe_load(file.read_text("utf-8"))["services"], variables)
    return {name: _service(name, spec, file.parent) for name, spec in content.items()}


def _filled(node: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(node, str):
        return interpolate(node, variables)
    if isinstance(node, list):
        return [_filled(item, variables) for item in node]
    if isinstance(node, dict):
        return {key: _filled(item, variables) for key, item in node.items()}
    return node


def _service(name: str, spec: Mapping[str, Any], folder: Path) -> Service:
    return Service(
        name=name,
        command=tuple(spec.get("command", ())),
        environment={key: str(value) for key, value in spec.get("environment", {}).items()},
        env_files=tuple((folder / entry["path"]).resolve() for entry in spec.get("env_file", ())),
        needs=tuple(spec.get("depends_on", ())),
        health=_health(spec["healthcheck"]) if "healthcheck" in spec else None,
    )


def _health(spec: Mapping[str, Any]) -> HealthCheck:
    return HealthCheck(
        command=tuple(spec["test"][1:]),
        interval=seconds(spec["interval"]),
        timeout=seconds(spec["timeout"]),
        retries=int(spec["retries"]),
        start_period=seconds(spec["start_period"]),
        start_interval=seconds(spec["start_interval"]),
    )

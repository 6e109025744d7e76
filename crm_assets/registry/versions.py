"""The versions that a stored model was written under, and how they differ from the installed ones."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version as installed

# What a stored model depends on besides Python.
PACKAGES = ("scikit-learn", "skops", "numpy", "scipy", "xgboost", "crm_assets")
PREFIX = "written_by."
PYTHON = "Python"


def here() -> dict[str, str]:
    """Return the versions in this process by name, Python first."""
    return {PYTHON: platform.python_version()} | {name: installed(name) for name in PACKAGES}


def tags() -> dict[str, str]:
    """Return the versions in this process as tags of a model version."""
    return {f"{PREFIX}{name}": version for name, version in here().items()}


def comparison(tags: Mapping[str, str]) -> str:
    """Say in a sentence which versions differ from those that a model was written under.

    Args:
        tags: the model version's tags.

    >>> comparison({})
    'It does not say under which versions it was written.'
    """
    written = {name: tags[f"{PREFIX}{name}"] for name in here() if f"{PREFIX}{name}" in tags}
    if not written:
        return "It does not say under which versions it was written."
    now = here()
    other = [name for name, version in written.items() if version != now[name]]
    if not other:
        return "It was written under the versions that are installed here."
    before, after = (", ".join(f"{name} {which[name]}" for name in other) for which in (written, now))
    return f"It was written under {before}; installed here: {after}."


def supported(tags: Mapping[str, str]) -> bool:
    """Return whether the scikit-learn release that wrote it is installed: only that one can read it."""
    written = tags.get(f"{PREFIX}scikit-learn")
    return written is None or _release(written) == _release(installed("scikit-learn"))


def _release(version: str) -> list[str]:
    """Return the first two numbers of a version.

    >>> _release("1.9.1")
    ['1', '9']
    """
    return version.split(".")[:2]

"""All Pythons that pyproject.toml promises get the same package versions, and the image runs on one."""

from __future__ import annotations

import re
import tomllib

import pytest

from dev.place import ROOT

LOCKS = ("requirements.lock", "requirements-scale.lock", "docker/requirements.lock")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def promised() -> list[str]:
    """Return the minor versions of Python that the project supports, for example `3.12`."""
    bounds = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", PROJECT["requires-python"])
    assert bounds is not None
    return [f"3.{minor}" for minor in range(int(bounds[1]), int(bounds[2]))]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_python_gets_the_same_version_of_each_package(lock: str) -> None:
    lines = (ROOT / lock).read_text("utf-8").splitlines()
    entries = [line for line in lines if re.match(r"[a-z0-9]", line)]
    assert entries
    # Some packages are not needed from a release on: on Windows from 3.13, and everywhere from 3.11.3.
    needed = re.compile(r"os_name == 'nt'|python_full_version < '3\.11\.\d+'")
    elsewhere = [line for line in entries if not needed.search(line)]
    assert [line for line in elsewhere if "python_version" in line or "python_full_version" in line] == []


def test_the_image_runs_on_a_python_that_is_promised() -> None:
    dockerfile = (ROOT / "docker" / "Dockerfile").read_text("utf-8")
    images = set(re.findall(r"^FROM python:(\d+\.\d+)", dockerfile, re.MULTILINE))
    assert images <= set(promised())
    assert len(images) == 1

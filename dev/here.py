"""One of our commands in this process, with our code loaded anew, as a process of its own would load it.

For tests that prove what a command does. To load the libraries takes a process of its own seconds, which
this process has spent once. What only a process shows, for example how it ends, needs one.
"""

from __future__ import annotations

import contextlib
import io
import os
import runpy
import subprocess
import sys
from collections.abc import Generator, Mapping
from types import ModuleType
from unittest import mock

import pytest
from dagster._core.definitions.reconstruct import ReconstructableJob

import crm_assets


@contextlib.contextmanager
def loaded_anew(environment: Mapping[str, str]) -> Generator[None]:
    """Load our modules anew when they are imported in this block, with these environment variables.

    A process reads settings and calendar only once, so other ones need modules of their own.
    """
    before = _attributes()
    with pytest.MonkeyPatch.context() as patch, mock.patch.dict(os.environ, environment, clear=True):
        # Importing a package again makes it an attribute of ours, where patches by name look for it.
        for name, value in before.items():
            patch.setattr(crm_assets, name, value)
        for name in _ours():
            patch.delitem(sys.modules, name)
        _forget_jobs()
        try:
            yield
        finally:
            for name in _ours():
                del sys.modules[name]
            # Where it stays, `from crm_assets import name` would find the module of this block.
            for name in _attributes().keys() - before:
                delattr(crm_assets, name)
            _forget_jobs()


def run_here(
    environment: Mapping[str, str], module: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run `python -m module arguments` in this process.

    Args:
        environment: all environment variables of the command.
        module: the module, of ours or another.
        arguments: its arguments.

    Returns:
        What a process would return. What processes of the command print is not in it.
    """
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    code: object = 0
    with (
        loaded_anew(environment),
        mock.patch.object(sys, "argv", [module, *arguments]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        except SystemExit as end:
            code = end.code
    said, told = (stream.buffer.getvalue().decode() for stream in (out, err))
    if isinstance(code, str):
        told, code = f"{told}{code}\n", 1
    return subprocess.CompletedProcess((module, *arguments), int(code or 0), said, told)


def _attributes() -> dict[str, ModuleType]:
    """Return the modules that are attributes of our package."""
    return {name: value for name, value in vars(crm_assets).items() if isinstance(value, ModuleType)}


def _ours() -> list[str]:
    return [name for name in sys.modules if name.startswith("crm_assets.")]


def _forget_jobs() -> None:
    """Make Dagster load a job again, though it has the same name in the same module."""
    ReconstructableJob.get_definition.cache_clear()
    ReconstructableJob.get_repository_definition.cache_clear()

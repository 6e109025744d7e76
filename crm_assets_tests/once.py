"""What the workers of one test session share: a run that the first makes and each copies, and servers."""

from __future__ import annotations

import os
import shutil
import sys

import pytest
from filelock import FileLock
from xdist.scheduler import LoadFileScheduling

from crm_assets.registry.relocation import relocate
from dev.place import Place, place

# Files of these folders share servers that take seconds to start, so one worker runs them all.
ONE_WORKER = ("registry/", "serving/", "stack/")
# What the run said on the terminal, written when it has ended well.
PRINTED = "printed.txt"


class ByServer(LoadFileScheduling):
    """Give a worker whole files, and all files that share a server."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        below = file.removeprefix("crm_assets_tests/")
        return next((folder for folder in ONE_WORKER if below.startswith(folder)), file)


def made_once(
    factory: pytest.TempPathFactory, name: str, settings: dict[str, str], *command: str
) -> tuple[Place, str]:
    """Return this worker's own copy of an installation after a command that the session runs only once.

    Args:
        factory: knows the folder of the session, and that of this worker.
        name: of the installation, unlike the others of the session.
        settings: of the installation, as environment variables.
        command: the arguments of Python.

    Returns:
        The copy, which the worker may change, and what the command printed.
    """
    base = factory.getbasetemp()
    # The folders of all workers stand side by side.
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    original = shared / f"{name}-made-once"
    with FileLock(shared / f"{name}.lock"):
        if not (original / PRINTED).exists():
            shutil.rmtree(original, ignore_errors=True)
            # A new interpreter hashes strings in another order than the commands that tests compare with it.
            done = place(original, **settings).run(sys.executable, *command)
            assert done.returncode == 0, done.stdout + done.stderr
            (original / PRINTED).write_text(done.stdout)
    copy = factory.mktemp(name) / "there"
    shutil.copytree(original, copy)
    relocate(copy / "home" / "mlflow.db", copy / "home" / "mlflow-artifacts")
    return Place(copy, settings), (copy / PRINTED).read_text()

"""Commands in processes of their own that start with the libraries loaded, for tests.

A new interpreter takes five seconds of processor time for Dagster, MLflow and great-expectations before
it does anything. Here one process loads them once, and each command is a fork of it: with its own
environment, folder, output and exit code, and with nothing of this project loaded. Whoever tests or measures
a start, or what is imported, needs a new interpreter instead.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

# What the graph loads on its way, but for this project.
LIBRARIES = (
    "dagster._cli",
    "dagster.components",
    "dagster_mlflow",
    "great_expectations.expectations",
    "ibis.backends.duckdb",
    "ibis.formats.pandas",
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
    "matplotlib.font_manager",
    "mlflow.data.pandas_dataset",
    "mlflow.sklearn",
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.store.model_registry.sqlalchemy_store",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "pydantic_settings",
    "pytest",
    "rich.progress",
    "scipy.stats",
    "skops.io",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "sklearn.pipeline",
    "upath",
    "xgboost",
)
OURS = ("crm_assets", "crm_assets_tests", "dev")
_ONE_AT_A_TIME = threading.Lock()


def run(
    command: Sequence[str], environment: Mapping[str, str], folder: Path
) -> subprocess.CompletedProcess[str]:
    """Run `-m module …` or `dagster …` in a folder, and wait for it."""
    with tempfile.TemporaryDirectory() as kept, _ONE_AT_A_TIME:
        output = [Path(kept) / name for name in ("stdout", "stderr")]
        asked = {
            "command": list(command),
            "environment": dict(environment),
            "folder": str(folder),
            "output": [str(file) for file in output],
        }
        server = _server()
        assert server.stdin
        assert server.stdout
        server.stdin.write(json.dumps(asked) + "\n")
        server.stdin.flush()
        code = server.stdout.readline()
        assert code, "The process that forks commands has ended."
        return subprocess.CompletedProcess(command, int(code), *(file.read_text() for file in output))


@cache
def _server() -> subprocess.Popen[str]:
    """Start the process that loads the libraries; it ends with this one."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dev.warm"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def end() -> None:
        assert process.stdin
        with suppress(BrokenPipeError):
            process.stdin.close()
        process.wait()

    atexit.register(end)
    return process


def _load() -> None:
    """Load the libraries, those that are installed."""
    # Before all others: it says how the threads of the libraries wait.
    importlib.import_module("crm_assets")
    for name in LIBRARIES:
        with suppress(ImportError):
            importlib.import_module(name)
    # Forks share these objects, and need not look at them again.
    gc.collect()
    gc.freeze()


def _serve() -> None:
    """Fork for each command that comes in, and answer with its exit code."""
    for line in sys.stdin:
        process = get_context("fork").Process(target=_become, args=(json.loads(line),))
        process.start()
        process.join()
        print(process.exitcode, flush=True)


def _become(asked: dict[str, Any]) -> None:
    """Be the command, as a new interpreter would be."""
    for number, file in enumerate(asked["output"], 1):
        opened = os.open(file, os.O_WRONLY | os.O_CREAT)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
        del sys.modules[name]
    program, *arguments = asked["command"]
    sys.path[0] = asked["folder"]
    try:
        if program == "-m":
            sys.argv = arguments
            runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
        else:
            sys.argv = [program, *arguments]
            importlib.import_module(f"{program}._cli").main()
    finally:
        # A fork ends without them.
        atexit._run_exitfuncs()


if __name__ == "__main__":
    _load()
    _serve()

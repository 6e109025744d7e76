"""`python -m benchmarks.serving HOME`: load on the REST API, by h2load (apt-get install nghttp2-client).

HOME is a home with a finished run. The load comes at an even rate, whether the API keeps up or not.

- `--mlserver PROGRAM` measures MLServer as well, see `benchmarks.serving_others`.
- `--requests 100000` watches the memory over that many requests.
- `--minutes 10` switches the champion, and takes registry and Redis away, under mixed load.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.report import write_section
from benchmarks.serving_faults import disturbed
from benchmarks.serving_load import SHED, Load, attack, cpu_seconds, loads, measured, megabytes
from benchmarks.serving_others import mlflow_serve, mlserver
from dev.api_server import api_server

TITLE = "REST API"
PARTS = 10


def main() -> None:
    """Measure, and write a table into benchmarks/README.md."""
    asked = arguments()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        home = folder / "home"
        shutil.copytree(asked.home, home, ignore=shutil.ignore_patterns("scratch"))
        environment = {**os.environ, "CRM_HOME": str(home), "CRM_POLL_SECONDS": "2"}
        # As in an installation, the code is compiled already.
        environment |= {"PYTHONPYCACHEPREFIX": str(folder / "compiled"), "CRM_API_RATE": "1000000/second"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        told = report(asked, folder, environment, home)
    text = "\n".join(told)
    sys.stdout.write(text + "\n")
    if not asked.keep:
        write_section(TITLE, text, ("fastapi", "uvicorn", "pydantic", "scikit-learn", "pandas", "mlflow"))


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=Path)
    parser.add_argument("--seconds", type=int, default=20, help="how long each load lasts")
    parser.add_argument("--requests", type=int, default=0, help="watch the memory over so many requests")
    parser.add_argument("--minutes", type=float, default=0, help="how long champion and servers change")
    parser.add_argument("--mlserver", type=Path, help="the program of an MLServer to compare with")
    parser.add_argument("--only", help="only the parts with these letters: l(oads), o(thers)", default="lo")
    parser.add_argument("--keep", action="store_true", help="print the table, and leave README.md as it is")
    return parser.parse_args()


def report(asked: argparse.Namespace, folder: Path, environment: dict[str, str], home: Path) -> list[str]:
    """Measure what is asked for, and return the lines of the section."""
    told: list[str] = []
    kinds = loads(home)
    if "l" in asked.only or "o" in asked.only:
        model = champion_alone(folder, environment)
    if "l" in asked.only:
        told += of_loads(folder, environment, kinds, asked.seconds, model)
    if "o" in asked.only:
        told += of_others(folder, environment, asked, model)
    if asked.requests:
        told += ["", of_memory(folder, environment, kinds, asked.requests)]
    if asked.minutes:
        body = next(load.body for load in kinds if load.body is not None)
        told += ["", disturbed(folder, environment, home, asked.minutes, body)]
    return told


def champion_alone(folder: Path, environment: dict[str, str]) -> dict[str, Any]:
    """Return what `benchmarks.serving_model` says."""
    (folder / "model").mkdir()
    command = [sys.executable, "-m", "benchmarks.serving_model", str(folder / "model")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def of_loads(
    folder: Path, environment: dict[str, str], kinds: list[Load], seconds: int, model: dict[str, Any]
) -> list[str]:
    """Return the table of loads, and sentences on start and memory."""
    # The first start compiles the code.
    with api_server(folder, environment):
        pass
    rows = []
    started = time.perf_counter()
    with api_server(folder, environment) as (address, pid):
        ready, used, before = time.perf_counter() - started, cpu_seconds(pid), megabytes(pid)
        for load in kinds:
            found, cpu_ms = measured(address, load, seconds, pid)
            bare = (cpu_ms / model[name] for name in ("bare_ms", "from_features_ms"))
            ratio = " | ".join(f"{each:.1f} x" for each in bare) if load.name.startswith("fresh") else "| "
            rows.append(
                f"| {load.name} | {load.rate:,} | {found.answered:,.0f} | {found.times()} | "
                f"{cpu_ms:.2f} | {ratio} | {found.statuses[SHED]:,} | {found.failed:,} |"
            )
            sys.stderr.write(rows[-1] + "\n")
        after = megabytes(pid)
    head = "| load | asked a second | answered a second | p50 ms | p97.5 ms | p99 ms"
    return [
        f"{head} | processor ms per request | of bare `predict_proba` | from a row | shed (429) | failed |",
        "| --- " * 11 + "|",
        *rows,
        "",
        f"Bare `predict_proba` of the champion ({model['algorithm']}) takes {model['bare_ms']:.3f} ms of "
        f"processor time for one deal whose matrix is there, {model['from_features_ms']:.3f} ms from a row "
        "of `win_features`. "
        "The API's time includes HTTP, JSON, the features, three horizons, the band and the log. "
        f"Ready {ready:.1f} s after the start, with {used:.1f} s of processor time. "
        f"Memory {before:,.0f} MB before the loads, {after:,.0f} MB after.",
    ]


def of_others(
    folder: Path, environment: dict[str, str], asked: argparse.Namespace, model: dict[str, Any]
) -> list[str]:
    """Return the table of servers of the same model, which all get the same row in MLflow's shape."""
    servers: dict[str, AbstractContextManager[tuple[str, int]]] = {
        "crm_assets": api_server(folder, environment),
        "mlflow models serve": mlflow_serve(model["folder"], folder),
    }
    if asked.mlserver:
        servers["MLServer"] = mlserver(asked.mlserver.resolve(), model["folder"], folder)
    load = Load("invocations", 100, json.loads(model["body"]), "/invocations")
    rows = []
    for name, server in servers.items():
        with server as (address, pid):
            start = cpu_seconds(pid)
            found, cpu_ms = measured(address, load, asked.seconds, pid)
            rows.append(
                f"| {name} | {found.answered:,.0f} | {found.times()} | {cpu_ms:.2f} | {start:.1f} | "
                f"{megabytes(pid):,.0f} | {found.failed + found.refused:,} |"
            )
            sys.stderr.write(rows[-1] + "\n")
    head = "| server, 100 a second to `/invocations` | answered a second | p50 ms | p97.5 ms | p99 ms"
    return [
        "",
        f"{head} | processor ms per request | processor s to ready | memory MB | failed |",
        "| --- " * 9 + "|",
        *rows,
    ]


def of_memory(folder: Path, environment: dict[str, str], kinds: list[Load], requests: int) -> str:
    """Send many requests, half of them stored and half fresh, and say how much memory the API has."""
    of_name = {load.name: load for load in kinds}
    mix = [of_name["stored deal"], of_name["fresh deal, with reasons"]]
    with api_server(folder, environment) as (address, pid):
        seen = [megabytes(pid)]
        for _ in range(PARTS):
            for load in mix:
                asked = replace(load, rate=0, connections=10)
                done = attack(address, asked, requests // PARTS // len(mix))
                if done.failed or done.refused:
                    raise SystemExit(f"{done.failed + done.refused} requests failed.")
            seen.append(megabytes(pid))
            sys.stderr.write(f"{seen[-1]:,.0f} MB\n")
    each = ", ".join(f"{one:,.0f}" for one in seen)
    return f"Memory in MB at the start and after each {requests // PARTS:,} of {requests:,} requests: {each}."


if __name__ == "__main__":
    main()

"""`python -m benchmarks.serving HOME`: load on the REST API, by autocannon (npm install --global autocannon).

HOME is a home with a finished run. `--minutes 10` also switches the champion, and takes registry and Redis
away, under mixed load. autocannon sends at a fixed rate and counts from the moment at which a request was
due, so that a slow answer cannot hide those behind it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pyarrow.parquet as pq

from benchmarks.report import write_section
from dev.api_server import api_server
from dev.mlflow_server import free_port
from dev.redis_server import redis_server

TITLE = "REST API"
RAW = ("opportunity_id", "sales_agent", "product", "account", "engage_date")
UNIQUE = "[<id>]"
SCRIPT = Path(__file__).parent / "serving_load.cjs"


@dataclass(frozen=True)
class Load:
    """One kind of load: what is asked, how often a second, and what must hold."""

    name: str
    rate: int
    body: dict[str, Any] | None = None
    path: str = "/v1/predictions"
    connections: int = 20


def attack(address: str, load: Load, seconds: int) -> dict[str, Any]:
    """Send requests at a fixed rate, and return what autocannon measured.

    Raises:
        SystemExit: autocannon is not installed, or failed.
    """
    program = shutil.which("autocannon")
    if program is None:
        raise SystemExit("Install the load generator: npm install --global autocannon")
    options: dict[str, Any] = {"url": f"{address}{load.path}", "duration": seconds}
    options |= {"connections": load.connections, "overallRate": load.rate}
    if load.body is not None:
        options |= {"body": json.dumps(load.body), "unique": UNIQUE}
    command = ["node", str(SCRIPT), str(Path(program).resolve().parent)]
    done = subprocess.run(command, input=json.dumps(options), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


def row(load: Load, found: dict[str, Any]) -> str:
    """Return a row of the table."""
    took = found["latency"]
    shed = sum(count["count"] for status, count in found["statusCodeStats"].items() if status == "429")
    failed = found["errors"] + found["timeouts"] + found["5xx"]
    times = " | ".join(f"{took[name]:g}" for name in ("p50", "p97_5", "p99"))
    answered = found["requests"]["average"]
    return f"| {load.name} | {load.rate:,} | {answered:,.0f} | {times} | {shed:,} | {failed:,} |"


def posted(home: Path, deals: int) -> list[dict[str, Any]]:
    """Return the fields of some open deals as a CRM posts them; every request changes the first id."""
    raw = pq.read_table(home / "tables" / "raw_sales_pipeline.parquet").to_pandas()
    raw = raw[(raw["deal_stage"] == "Engaging") & raw["engage_date"].notna()]
    rows = raw[[name for name in RAW if name in raw]].astype(object).head(deals).to_dict("records")
    rows = [
        {name: f"{value}" for name, value in one.items() if value is not None and value == value}
        for one in rows
    ]
    rows[0]["opportunity_id"] = UNIQUE
    return rows


def loads(home: Path) -> list[Load]:
    """Return the kinds of load."""
    month = max(path.stem for path in (home / "tables" / "win_predictions").glob("*.parquet"))
    first = pq.read_table(home / "tables" / "win_predictions" / f"{month}.parquet")["opportunity_id"][
        0
    ].as_py()
    one, many = posted(home, 1), posted(home, 1_000)
    stored = f"/v1/opportunities/{first}"
    return [
        Load("stored deal", 500, path=stored),
        Load("stored deal, twice the load", 1_000, path=stored),
        Load("fresh deal, without reasons", 100, {"deals": one, "reasons": False}),
        Load("fresh deal, with reasons", 100, {"deals": one}),
        Load("fresh deal, twice the load", 200, {"deals": one, "reasons": False}),
        Load("1,000 fresh deals, without reasons", 2, {"deals": many, "reasons": False}, connections=2),
        Load("page of 50 stored deals", 200, path="/v1/opportunities"),
    ]


def main() -> None:
    """Measure, and write a table into benchmarks/README.md."""
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=Path)
    parser.add_argument("--seconds", type=int, default=20, help="how long each load lasts")
    parser.add_argument(
        "--minutes", type=float, default=0, help="how long champion and servers change under load"
    )
    parser.add_argument("--keep", action="store_true", help="print the table, and leave README.md as it is")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        home = folder / "home"
        shutil.copytree(asked.home, home, ignore=shutil.ignore_patterns("scratch"))
        environment = {**os.environ, "CRM_HOME": str(home), "CRM_POLL_SECONDS": "2"}
        rows, told = measured(folder, environment, home, asked.seconds)
        if asked.minutes:
            told.append(disturbed(folder, environment, home, asked.minutes))
    head = "| load | asked a second | answered a second | p50 ms | p97.5 ms | p99 ms | shed (429) | failed |"
    text = "\n".join([head, "| --- | --- | --- | --- | --- | --- | --- | --- |", *rows, "", *told])
    sys.stdout.write(text + "\n")
    if not asked.keep:
        write_section(TITLE, text, ("fastapi", "uvicorn", "pydantic", "scikit-learn", "pandas"))


def measured(
    folder: Path, environment: dict[str, str], home: Path, seconds: int
) -> tuple[list[str], list[str]]:
    """Return the rows of the table, and sentences on start, memory and processor."""
    started = time.perf_counter()
    with api_server(folder, environment) as (address, pid):
        ready = time.perf_counter() - started
        server = psutil.Process(pid)
        before, rows = server.memory_info().rss, []
        for load in loads(home):
            attack(address, load, 2)
            used = sum(server.cpu_times()[:2])
            found = attack(address, load, seconds)
            used = sum(server.cpu_times()[:2]) - used
            each = 1000 * used / max(1, found["requests"]["total"])
            rows.append(row(load, found))
            sys.stderr.write(f"{load.name}: {each:.2f} ms of processor time for each request\n")
        after = server.memory_info().rss
    return rows, [
        f"Ready {ready:.1f} s after the start. "
        f"Memory {before / 1e6:,.0f} MB before the load, {after / 1e6:,.0f} MB after."
    ]


def disturbed(folder: Path, environment: dict[str, str], home: Path, minutes: float) -> str:
    """Switch the champion 20 times, and take registry and Redis away, under mixed load; say what happened."""
    from mlflow.tracking import MlflowClient

    from crm_assets.registry.aliases import CHAMPION, MODEL
    from crm_assets_tests.serving.conftest import second_version

    uri = f"sqlite:///{home / 'mlflow.db'}"
    client = MlflowClient(uri, uri)
    (folder / "second").mkdir()
    other = second_version(client, folder / "second")
    port, database = free_port(), home / "mlflow.db"
    seen: dict[tuple[str, float], int] = {}
    failed: list[str] = []
    stop = threading.Event()

    def ask(address: str, send: Callable[[httpx.Client], httpx.Response], fresh: bool) -> None:
        with httpx.Client(base_url=address, timeout=120) as http:
            while not stop.is_set():
                answer = send(http)
                if answer.status_code != 200:
                    failed.append(answer.text)
                elif fresh:
                    told = answer.json()
                    key = told["model_version"], told["predictions"][0]["probability"]
                    seen[key] = seen.get(key, 0) + 1
                time.sleep(0.02)

    body = next(load.body for load in loads(home) if load.body is not None)
    with api_server(folder, {**environment, "CRM_REDIS_URL": f"redis://127.0.0.1:{port}/0"}) as (address, _):
        askers = [
            threading.Thread(
                target=ask, args=(address, lambda h: h.post("/v1/predictions", json=body), True)
            ),
            threading.Thread(target=ask, args=(address, lambda h: h.get("/v1/opportunities"), False)),
            threading.Thread(target=ask, args=(address, lambda h: h.get("/v1/changes"), False)),
        ]
        part = 60 * minutes / 22
        with redis_server(folder / "redis", port):
            for asker in askers:
                asker.start()
            for turn in range(10):
                client.set_registered_model_alias(MODEL, CHAMPION, other if turn % 2 == 0 else "1")
                time.sleep(part)
        # Redis is away.
        time.sleep(part)
        away = database.rename(database.with_suffix(".away"))
        database.write_bytes(b"this is no registry")
        time.sleep(part)
        away.replace(database)
        with redis_server(folder / "redis", port):
            for turn in range(10):
                client.set_registered_model_alias(MODEL, CHAMPION, other if turn % 2 == 0 else "1")
                time.sleep(part)
            stop.set()
            for asker in askers:
                asker.join()
    mixed = len(seen) - len({version for version, _ in seen})
    return (
        f"{minutes:g} minutes with 20 changes of the champion, one outage of the registry and one of Redis: "
        f"{sum(seen.values()):,} fresh predictions, {len(failed):,} failed requests, {mixed} mixed answers."
    )


if __name__ == "__main__":
    main()

"""Load on an HTTP server at an even rate, and what it costs the server's processes.

h2load spreads the requests of its connections evenly over time, so that a server meets them as many people
would send them, and not in bursts. It sends one body again and again; `varied` sends another one each time,
for answers that a cache would keep.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pyarrow.parquet as pq

RAW = ("opportunity_id", "sales_agent", "product", "account", "engage_date")
FIRST = "deal-0"
# Seconds of load before the measurement starts.
WARM = 2
# Seconds until a request of `varied` has failed.
PATIENCE = 60
SHED = 429


@dataclass(frozen=True)
class Load:
    """One kind of load: what is asked, how often a second, and over how many connections.

    Attributes:
        name: what stands in the table.
        rate: requests a second; 0 for as many as the connections can send.
        body: the JSON that is posted; None to ask by GET.
        path: what is asked.
        connections: how many there are.
        varied: whether each request carries another body.
    """

    name: str
    rate: int
    body: dict[str, Any] | None = None
    path: str = "/v1/predictions"
    connections: int = 20
    varied: bool = False


@dataclass(frozen=True)
class Answers:
    """What came back.

    Attributes:
        milliseconds: how long each answered request took.
        statuses: how often each status came; 0 stands for no answer.
        seconds: how long the load lasted.
    """

    milliseconds: np.ndarray
    statuses: Counter[int]
    seconds: float

    @property
    def failed(self) -> int:
        """How many requests failed: no answer, or a fault of the server."""
        return sum(count for status, count in self.statuses.items() if status == 0 or status >= 500)

    @property
    def refused(self) -> int:
        """How many requests were answered with a fault of the client."""
        return sum(count for status, count in self.statuses.items() if 400 <= status < 500)

    @property
    def answered(self) -> float:
        """Requests a second that were answered with success."""
        return sum(count for status, count in self.statuses.items() if 200 <= status < 300) / self.seconds

    def times(self) -> str:
        """Return cells: the median, 97.5 % and 99 % of the time until an answer, in ms."""
        if not len(self.milliseconds):
            return "| |"
        return " | ".join(f"{value:.1f}" for value in np.percentile(self.milliseconds, (50, 97.5, 99)))


def measured(address: str, load: Load, seconds: int, pid: int) -> tuple[Answers, float]:
    """Send requests at an even rate, after a warm-up.

    Args:
        address: the server.
        load: what to send.
        seconds: how long.
        pid: the server's process; its children count as well.

    Returns:
        What came back, and the processor time that the server took for each request, in ms.
    """
    attack(address, load, load.rate * WARM)
    before = cpu_seconds(pid)
    found = attack(address, load, load.rate * seconds)
    return found, 1000 * (cpu_seconds(pid) - before) / found.statuses.total()


def attack(address: str, load: Load, amount: int) -> Answers:
    """Send an amount of requests, and return what came back.

    Raises:
        SystemExit: h2load is not installed, or failed.
    """
    if load.varied:
        return asyncio.run(_varied(address, load, amount))
    program = shutil.which("h2load")
    if program is None:
        raise SystemExit("Install the load generator h2load: apt-get install nghttp2-client")
    with tempfile.TemporaryDirectory() as name:
        log, body = Path(name) / "log", Path(name) / "body"
        command = [program, "--h1", "-m1", f"-n{amount}", f"-c{load.connections}", f"--log-file={log}"]
        if load.rate:
            # The connections start one after the other, so that their requests do not come together.
            apart_ms = max(1, round(1000 / load.rate))
            command += [f"--rps={load.rate / load.connections}", f"--rate-period={apart_ms}ms"]
            command += [f"--rate={max(1, load.rate * apart_ms // 1000)}"]
        if load.body is not None:
            body.write_text(json.dumps(load.body))
            command += [f"--data={body}", "--header=content-type: application/json"]
        started = time.perf_counter()
        done = subprocess.run(
            [*command, f"{address}{load.path}"], capture_output=True, text=True, check=False
        )
        seconds = time.perf_counter() - started
        if done.returncode:
            raise SystemExit(done.stdout + done.stderr)
        # One row for each answer: when it was asked, its status, and how many microseconds it took.
        rows = np.loadtxt(log, dtype=np.int64, ndmin=2)
    statuses = Counter(np.maximum(rows[:, 1], 0).tolist())
    statuses[0] += amount - statuses.total()
    return Answers(rows[rows[:, 1] > 0, 2] / 1000, +statuses, seconds)


async def _varied(address: str, load: Load, amount: int) -> Answers:
    """Send bodies that differ in the id of the first deal, each at the moment at which it is due."""
    took: list[float] = []
    statuses: Counter[int] = Counter()
    limits = httpx.Limits(max_connections=load.connections)
    text, kind = json.dumps(load.body), {"content-type": "application/json"}
    first = time.time_ns()
    async with httpx.AsyncClient(base_url=address, timeout=PATIENCE, limits=limits) as client:
        started = time.perf_counter()

        async def send(number: int) -> None:
            due = started + number / load.rate
            await asyncio.sleep(due - time.perf_counter())
            body = text.replace(FIRST, f"deal-{first}-{number}")
            try:
                answer = await client.post(load.path, content=body, headers=kind)
            except httpx.TransportError:
                statuses[0] += 1
                return
            statuses[answer.status_code] += 1
            took.append(1000 * (time.perf_counter() - due))

        await asyncio.gather(*map(send, range(amount)))
        seconds = time.perf_counter() - started
    return Answers(np.array(took), statuses, seconds)


def family(pid: int) -> list[psutil.Process]:
    """Return a process and all that it started."""
    first = psutil.Process(pid)
    return [first, *first.children(recursive=True)]


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a server so far."""
    return sum(sum(one.cpu_times()[:2]) for one in family(pid))


def megabytes(pid: int) -> float:
    """Return the resident memory of a server."""
    return sum(one.memory_info().rss for one in family(pid)) / 1e6


def posted(home: Path, deals: int) -> list[dict[str, Any]]:
    """Return the fields of some open deals as a CRM posts them."""
    raw = pq.read_table(home / "tables" / "raw_sales_pipeline.parquet").to_pandas()
    raw = raw[(raw["deal_stage"] == "Engaging") & raw["engage_date"].notna()]
    rows = raw[[name for name in RAW if name in raw]].astype(object).head(deals).to_dict("records")
    rows = [
        {name: f"{value}" for name, value in one.items() if value is not None and value == value}
        for one in rows
    ]
    rows[0]["opportunity_id"] = FIRST
    return rows


def loads(home: Path) -> list[Load]:
    """Return the kinds of load."""
    month = max(path.stem for path in (home / "tables" / "win_predictions").glob("*.parquet"))
    deals = pq.read_table(home / "tables" / "win_predictions" / f"{month}.parquet")["opportunity_id"]
    one, many = posted(home, 1), posted(home, 1_000)
    stored = Load("stored deal", 500, path=f"/v1/opportunities/{deals[0].as_py()}")
    fresh = Load("fresh deal, with reasons", 100, {"deals": one})
    plain = Load("fresh deal, without reasons", 100, {"deals": one, "reasons": False})
    thousand = Load(
        "1,000 fresh deals, without reasons", 2, {"deals": many, "reasons": False}, connections=2, varied=True
    )
    return [
        stored,
        replace(stored, name="stored deal, twice the load", rate=1_000, connections=200),
        plain,
        fresh,
        replace(fresh, name="fresh deal, with reasons, twice the load", rate=200, connections=200),
        thousand,
        Load("page of 50 stored deals", 200, path="/v1/opportunities"),
        # These two leave requests behind that nobody waits for any more, so they come last.
        replace(thousand, name="1,000 fresh deals, more than it can do", rate=40, connections=64),
        replace(fresh, name="fresh deal, with reasons, more than it can do", rate=5_000, connections=300),
    ]

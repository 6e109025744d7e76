"""Load on an HTTP server by autocannon, and what it costs the server's processes."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq

RAW = ("opportunity_id", "sales_agent", "product", "account", "engage_date")
UNIQUE = "[<id>]"
SCRIPT = Path(__file__).parent / "serving_load.cjs"
# Seconds of load before the measurement starts.
WARM = 2


@dataclass(frozen=True)
class Load:
    """One kind of load: what is asked, how often a second, and over how many connections."""

    name: str
    rate: int
    body: dict[str, Any] | None = None
    path: str = "/v1/predictions"
    connections: int = 20


@dataclass(frozen=True)
class Measured:
    """What autocannon saw, and the processor time that the server took for each request, in ms."""

    found: dict[str, Any]
    cpu_ms: float

    def times(self) -> str:
        """Return cells: the median, 97.5 % and 99 % of the latencies, in ms."""
        return " | ".join(f"{self.found['latency'][name]:g}" for name in ("p50", "p97_5", "p99"))

    @property
    def answered(self) -> float:
        """Requests a second that were answered with success."""
        return self.found["2xx"] / self.found["duration"]

    @property
    def shed(self) -> int:
        """How many requests were answered with 429."""
        stats = self.found["statusCodeStats"]
        return sum(count["count"] for status, count in stats.items() if status == "429")

    @property
    def failed(self) -> int:
        """How many requests failed: no answer, or a fault of the server."""
        return self.found["errors"] + self.found["timeouts"] + self.found["5xx"]


def measured(address: str, load: Load, seconds: int, pid: int) -> Measured:
    """Send requests at a fixed rate, after a warm-up.

    Args:
        address: the server.
        load: what to send.
        seconds: how long.
        pid: the server's process; its children count as well.
    """
    attack(address, load, duration=WARM)
    before = cpu_seconds(pid)
    found = attack(address, load, duration=seconds)
    used = cpu_seconds(pid) - before
    return Measured(found, 1000 * used / max(1, found["requests"]["total"]))


def attack(address: str, load: Load, **options: int) -> dict[str, Any]:
    """Send requests, and return what autocannon measured; `duration` in seconds, or their `amount`.

    Raises:
        SystemExit: autocannon is not installed, or failed.
    """
    program = shutil.which("autocannon")
    if program is None:
        raise SystemExit("Install the load generator: npm install --global autocannon")
    asked: dict[str, Any] = {"url": f"{address}{load.path}", "connections": load.connections, **options}
    if load.rate:
        asked["overallRate"] = load.rate
    if load.body is not None:
        asked |= {"body": json.dumps(load.body), "unique": UNIQUE}
    command = ["node", str(SCRIPT), str(Path(program).resolve().parent)]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


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
    deals = pq.read_table(home / "tables" / "win_predictions" / f"{month}.parquet")["opportunity_id"]
    one, many = posted(home, 1), posted(home, 1_000)
    stored = Load("stored deal", 500, path=f"/v1/opportunities/{deals[0].as_py()}")
    fresh = Load("fresh deal, with reasons", 100, {"deals": one})
    plain = Load("fresh deal, without reasons", 100, {"deals": one, "reasons": False})
    thousand = Load("1,000 fresh deals, without reasons", 2, {"deals": many, "reasons": False}, connections=2)
    return [
        stored,
        replace(stored, name="stored deal, twice the load", rate=1_000, connections=200),
        plain,
        fresh,
        replace(fresh, name="fresh deal, with reasons, twice the load", rate=200, connections=200),
        replace(fresh, name="fresh deal, with reasons, more than it can do", rate=5_000, connections=300),
        thousand,
        replace(thousand, name="1,000 fresh deals, twice the load and more", rate=40, connections=64),
        Load("page of 50 stored deals", 200, path="/v1/opportunities"),
    ]

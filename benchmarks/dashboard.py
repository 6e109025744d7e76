"""`python -m benchmarks.dashboard NAME=HOME …`: seconds and memory of the dashboard, for 1 and for 20 people.

HOME is a home with a finished run of the source in force (CRM_DATA_DIR), and NAME stands in the table. First
a browser opens the pages. Then 20 sessions speak the dashboard's own protocol at once, so that no browser
competes with it for the processors: all open the first page, then each walks through all pages, round by
round; memory must stop growing. A page that shows an error ends the measurement.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.report import write_section
from crm_assets.crm.tables import REVENUE_FORECAST
from crm_assets.insight.ranked import DEAL
from dev.dashboard_server import Dashboard, dashboard_server
from dev.place import Place
from dev.screenshots import browser_program, settled

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

TITLE = "dashboard"
PAGES = ("", "deals", "changes", "risk", "outcome", "trust")
PEOPLE, ROUNDS = 20, 3
PATIENCE = 600.0
PACKAGES = ("streamlit", "duckdb", "pandas")


@dataclass
class Cost:
    """What something cost the dashboard's process.

    Attributes:
        wall: seconds until it was done.
        cpu: seconds of processor time.
        memory: megabytes of memory afterwards.
    """

    wall: float
    cpu: float
    memory: float


class Meter:
    """Measures what the dashboard spends from one question to the next."""

    def __init__(self, running: Dashboard) -> None:
        self.process = psutil.Process(running.pid)
        self.start()

    def start(self) -> None:
        """Count from now on."""
        self._at, self._cpu = time.perf_counter(), self._spent()

    def read(self) -> Cost:
        """Return the cost since the start."""
        memory = self.process.memory_info().rss / 1e6
        return Cost(time.perf_counter() - self._at, self._spent() - self._cpu, memory)

    def _spent(self) -> float:
        times = self.process.cpu_times()
        return times.user + times.system


class Session:
    """One person's session, without a browser."""

    def __init__(self, address: str) -> None:
        from websockets.sync.client import connect
        from websockets.typing import Subprotocol

        url = f"ws{address.removeprefix('http')}/_stcore/stream"
        self.socket: ClientConnection = connect(
            url,
            subprotocols=[Subprotocol("streamlit")],
            max_size=None,
            open_timeout=PATIENCE,
            ping_timeout=None,
            legacy=True,
        )

    def open(self, page: str) -> None:
        """Ask for a page, and wait until the dashboard has sent all of it.

        Raises:
            RuntimeError: the page ended with an error.
        """
        from streamlit.proto.Alert_pb2 import Alert
        from streamlit.proto.BackMsg_pb2 import BackMsg
        from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

        asked = BackMsg()
        asked.rerun_script.page_name = page
        self.socket.send(asked.SerializeToString())
        while True:
            said = ForwardMsg()
            answer = self.socket.recv(PATIENCE)
            said.ParseFromString(answer if isinstance(answer, bytes) else answer.encode())
            shown = said.delta.new_element
            if shown.HasField("exception") or (shown.HasField("alert") and shown.alert.format == Alert.ERROR):
                text = shown.exception.message or shown.alert.body
                raise RuntimeError(f"{page or 'the first page'}: {text}")
            if said.WhichOneof("type") == "script_finished":
                return

    def walk(self) -> None:
        """Open all pages, one after the other."""
        for page in PAGES:
            self.open(page)


def measure(there: Place) -> list[tuple[str, Cost]]:
    """Return the cost of each step for one home."""
    found: list[tuple[str, Cost]] = []
    with dashboard_server(there) as running:
        meter = Meter(running)
        found.append(("ready, nobody there", meter.read()))
        found += _in_a_browser(running, meter)
        with ThreadPoolExecutor(PEOPLE) as people:
            sessions = list(people.map(lambda _: Session(running.address), range(PEOPLE)))
            meter.start()
            list(people.map(lambda one: one.open(""), sessions))
            found.append((f"first page, {PEOPLE} sessions at once", meter.read()))
            for number in range(1, ROUNDS + 1):
                meter.start()
                list(people.map(Session.walk, sessions))
                found.append((f"all pages, {PEOPLE} sessions at once, round {number}", meter.read()))
            for one in sessions:
                one.socket.close()
    return found


def _in_a_browser(running: Dashboard, meter: Meter) -> list[tuple[str, Cost]]:
    from playwright.sync_api import sync_playwright

    found = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_program(), args=["--no-sandbox"])
        for what, pages in (
            ("first page, first visitor", PAGES[:1]),
            ("first page, next visitor", PAGES[:1]),
            ("all pages, one after the other", PAGES),
        ):
            page = browser.new_page()
            page.set_default_timeout(1_000 * PATIENCE)
            meter.start()
            for path in pages:
                page.goto(f"{running.address}/{path}")
                settled(page)
            found.append((what, meter.read()))
            page.close()
        browser.close()
    return found


def enlarged(home: Path, folder: Path, times: int) -> Path:
    """Write a home in which every deal stands many times, each under an id of its own, and return it.

    What the dashboard costs depends on the size of the tables, and training at that size takes an hour.
    """
    for file in (home / "tables").rglob("*.parquet"):
        inside = file.relative_to(home)
        if "archive" in inside.parts:
            continue
        table = pq.read_table(file)
        if DEAL in table.column_names:
            table = pa.concat_tables([_copy(table, number) for number in range(times)])
        elif inside.parts[1] == REVENUE_FORECAST.name:
            for place, field in enumerate(table.schema):
                if field.name != "horizon_months" and pa.types.is_primitive(field.type):
                    grown = pc.multiply(table[field.name], pa.scalar(times, field.type))
                    table = table.set_column(place, field, grown)
        (folder / inside).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, folder / inside)
    for name in ("mlflow.db", "calendar.json"):
        shutil.copy(home / name, folder / name)
    return folder


def _copy(table: pa.Table, number: int) -> pa.Table:
    if number == 0:
        return table
    place = table.column_names.index(DEAL)
    names = pc.binary_join_element_wise(table[DEAL].cast(pa.string()), f"{number}", "-")
    return table.set_column(place, table.schema.field(DEAL), names.cast(table.schema.field(DEAL).type))


def report(measured: dict[str, tuple[int, list[tuple[str, Cost]]]]) -> str:
    """Return the table of the measurements."""
    lines = [
        "| data | step | seconds | CPU seconds | memory after, MB |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    for name, (deals, steps) in measured.items():
        which = f"{name}, {deals:,} opportunities"
        lines += [
            f"| {which} | {step} | {cost.wall:.1f} | {cost.cpu:.1f} | {cost.memory:,.0f} |"
            for step, cost in steps
        ]
    return "\n".join(lines)


def main() -> None:
    """Measure, print, and write the section of README.md."""
    line = argparse.ArgumentParser(prog="python -m benchmarks.dashboard")
    line.add_argument("homes", nargs="+", metavar="NAME=HOME")
    line.add_argument("--times", type=int, default=100, help="also measure so many times the deals")
    line.add_argument("--print-only", action="store_true", help="leave README.md as it is")
    asked = line.parse_args()
    given = {name: value for name, value in os.environ.items() if name.startswith("CRM_")}
    homes = {one.partition("=")[0]: Path(one.partition("=")[2]).resolve() for one in asked.homes}
    measured = {}
    with tempfile.TemporaryDirectory() as scratch:
        if asked.times > 1:
            name, last = list(homes.items())[-1]
            homes[f"{name}, {asked.times} times"] = enlarged(last, Path(scratch) / "home", asked.times)
        for name, home in homes.items():
            deals = pq.read_metadata(home / "tables" / "opportunities.parquet").num_rows
            # The dashboard only reads the home.
            measured[name] = (deals, measure(Place(home.parent, given | {"CRM_HOME": str(home)})))
    text = report(measured)
    print(text)
    if not asked.print_only:
        write_section(TITLE, text, PACKAGES)


if __name__ == "__main__":
    main()

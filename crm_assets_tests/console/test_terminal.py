"""In a real terminal, a run shows one spinner, erases it, and gives the cursor back."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pandas as pd
import pyte
import pytest

from crm_assets.console.likeliest import likeliest, within_a_month

COLUMNS, LINES = 80, 30
RUN = """
import dagster as dg
from crm_assets.defs.progress import LOGGER, progress_logger, spinning

@dg.op
def first() -> None: print("of a library")

@dg.op(ins={"after": dg.In(dg.Nothing)})
def second(context: dg.OpExecutionContext) -> None:
    for name in ("raw_accounts", "raw_products"):
        context.log_event(dg.AssetMaterialization(name, metadata={"dagster/row_count": 85}))

@dg.job(logger_defs={LOGGER: progress_logger})
def both() -> None: second(first())

# As in our dagster.yaml: Dagster's first greeting goes to the terminal at a moment of its own.
quiet = {"telemetry": {"enabled": False}}
with spinning(), dg.DagsterInstance.ephemeral(settings=quiet) as instance:
    both.execute_in_process(instance=instance, run_config={"loggers": {LOGGER: {}}})
print("The end.")
"""


def on_a_terminal(*command: str, **settings: str) -> pyte.Screen:
    """Run a command on a pseudo-terminal, and return what its screen shows at the end."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.ByteStream(screen)
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    environment |= {"TERM": "xterm", **settings}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        while True:
            try:
                shown = os.read(ours, 65_536)
            except OSError:  # The process has closed the terminal.
                break
            stream.feed(shown)
        assert process.wait() == 0
    os.close(ours)
    return screen


@pytest.mark.parametrize(("encoding", "mark"), [("utf-8", "✓"), ("ascii", "+")])
def test_a_finished_step_replaces_the_spinner(tmp_path: Path, encoding: str, mark: str) -> None:
    screen = on_a_terminal(
        sys.executable, "-c", RUN, PYTHONIOENCODING=encoding, DAGSTER_HOME="", HOME=str(tmp_path)
    )
    lines = [line.rstrip() for line in screen.display if line.strip()]
    assert f"{mark} raw_accounts                   85 rows" in lines
    assert lines[-1] == "The end."
    assert not [line for line in lines if "first" in line or "second" in line]
    assert not screen.cursor.hidden


def deals(**columns: list[float]) -> pd.DataFrame:
    frame = pd.DataFrame(columns)
    return frame.assign(opportunity_id=[f"D{number:02}" for number in range(len(frame))])


def totals(*wins: float) -> pd.DataFrame:
    rows = [
        {"level": "total", "horizon_months": n, "forecast_month": f"2018-0{n}", "expected_wins": w}
        for n, w in enumerate(wins, start=1)
    ]
    return pd.DataFrame(rows)


def test_the_most_valuable_deals_of_a_tie_are_listed_and_the_rest_is_told() -> None:
    tied = deals(probability=[0.20004] * 12 + [0.3], expected_value=[*range(12), 1.0])
    found = likeliest(tied, totals(12), "2017-12")
    assert found.deals["opportunity_id"].tolist()[:3] == ["D12", "D11", "D10"]
    assert found.notes == [
        "12 deals tie at 20.0%; the list shows the most valuable 9. Their order says nothing about their "
        "chance."
    ]


def test_deals_that_nobody_expects_are_not_listed() -> None:
    quiet = deals(probability=[0.0001, 0.0], probability_2_months=[0.0004, 0.3], expected_value=[1.0, 2.0])
    found = likeliest(quiet, totals(0.1, 0.3), "2017-12")
    assert (found.month, found.horizon_months) == ("2018-02", 2)
    assert found.deals["opportunity_id"].tolist() == ["D01"]
    assert "2018-01 alone brings 0.1 wins from 2 open deals" in found.notes[0]
    assert likeliest(quiet.assign(probability_2_months=0.0), totals(0.1, 0.3), "2017-12").deals.empty


@pytest.mark.parametrize(
    ("day", "rest", "month", "order"),
    [
        ("2023-12-14", [0.1, 0.3], "2023-12", ["B", "A"]),
        ("2023-12-31", [0.0, 0.0], "2024-01", ["A", "B"]),
        ("2023-11-30", [0.0, 0.0], None, []),
    ],
)
def test_chances_of_a_day_within_a_month_are_shown(
    day: str, rest: list[float], month: str | None, order: list[str]
) -> None:
    current = pd.DataFrame({"opportunity_id": ["A", "B"], "as_of": day, "probability": [0.6, 0.5]})
    found = within_a_month(current.assign(probability_this_month=rest), "2023-11")
    if found is None:
        assert month is None
    else:
        assert (found.month, found.deals["opportunity_id"].tolist()) == (month, order)
        assert found.title.startswith(f"As of {day}: 2 deals are open; ")
    assert within_a_month(current[:0], "2023-11") is None

"""`python -m benchmarks.tables [SIZE ...]`: compare snapshots and features with pandas and Polars.

It makes a sample of each size, and each side makes the tables of 15 months in its own processes. It checks
that the results of the smallest size are equal, and writes the figures into README.md and tables.svg.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import pandas as pd
import pyarrow.parquet as pq
from matplotlib.figure import Figure
from pandas.testing import assert_frame_equal

from benchmarks.report import README, TABLES, write_section
from benchmarks.tables_side import FEATURES, SNAPSHOTS
from benchmarks.whole_graph import Measured, measure
from crm_assets.sources.sample import SyntheticSample

SIZES = [8_800, 88_000, 880_000, 8_800_000]
SIDES = ["duckdb", "pandas", "polars"]
STAGES = {SNAPSHOTS: "monthly_snapshots", FEATURES: "win_features"}
MONTHS = list(SyntheticSample(100, 7).month_range())
# Spread evenly over the 15 months, so that the mean size is the same and only the number of months grows.
SPREAD = {3: MONTHS[2::5], 5: MONTHS[1::3], 15: MONTHS}


@dataclass(frozen=True)
class Row:
    """One measurement."""

    side: str
    stage: str
    deals: int
    months: int
    measured: Measured | None


def main() -> None:
    """Measure, compare, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sizes", nargs="*", type=int, default=SIZES)
    parser.add_argument("--sides", nargs="+", default=SIDES, choices=[*SIDES, "pyspark"])
    parser.add_argument("--section", default="tables", help="which part of README.md and which plot")
    options = parser.parse_args()
    rows: list[Row] = []
    for size in sorted(options.sizes):
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            deals = folder / "deals"
            measure([sys.executable, "-m", "benchmarks.tables_deals", str(deals), str(size)], {})
            for side in options.sides:
                rows += [one(side, stage, folder, size, MONTHS) for stage in STAGES]
            if size == min(options.sizes):
                for side in options.sides[1:]:
                    hold_equal(folder, options.sides[0], side)
            if size == growth_size(options.sizes) and "pyspark" not in options.sides:
                for months in (SPREAD[3], SPREAD[5]):
                    rows += [one(options.sides[0], stage, folder, size, months) for stage in STAGES]
    text = f"{table(rows, options.sides)}\n\n{growth(rows, options.sides[0])}"
    print(f"\n{text}")
    plot(rows, README.parent / f"{options.section}.svg")
    write_section(options.section, text, TABLES)


def one(side: str, stage: str, folder: Path, size: int, months: list[str]) -> Row:
    """Measure one stage of one side; the row holds None if it does not finish."""
    out, result = folder / side, folder / "seconds.json"
    result.unlink(missing_ok=True)
    command = [sys.executable, "-m", "benchmarks.tables_side", side, stage, str(folder / "deals"), str(out)]
    try:
        measure([*command, str(result), *months], {})
        measured = Measured(**json.loads(result.read_text()))
    except SystemExit as failure:
        print(failure, flush=True)
        measured = None
    row = Row(side, stage, size, len(months), measured)
    print(row, flush=True)
    return row


def hold_equal(folder: Path, ours: str, theirs: str) -> None:
    """Check that both sides made the same rows, up to the last digits of a division.

    Raises:
        AssertionError: the rows differ.
    """
    for name in STAGES.values():
        for month in MONTHS:
            left, right = (_sorted(folder / side / name, month) for side in (ours, theirs))
            assert_frame_equal(left, right, rtol=1e-12)
    print(f"{theirs} makes the same rows as {ours}", flush=True)


def _sorted(folder: Path, month: str) -> pd.DataFrame:
    frame = pq.read_table(folder / f"{month}.parquet").to_pandas()
    return frame.sort_values("opportunity_id", ignore_index=True)


def growth_size(sizes: list[int]) -> int:
    """Return the size for measuring growth in months: the largest up to 880,000."""
    return max((size for size in sizes if size <= SIZES[2]), default=min(sizes))


def table(rows: list[Row], sides: list[str]) -> str:
    """Return the figures of all 15 months as Markdown."""
    found = {(r.stage, r.deals, r.side): r.measured for r in rows if r.months == len(MONTHS)}
    lines = [
        "| deals | stage | side | seconds | against ours | peak MB |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for size in sorted({row.deals for row in rows}):
        stages: dict[str, list[str]] = {SNAPSHOTS: [SNAPSHOTS], FEATURES: [FEATURES], "both": list(STAGES)}
        for label, parts in stages.items():
            ours = _sum([found[part, size, sides[0]] for part in parts])
            for side in sides:
                his = _sum([found[part, size, side] for part in parts])
                figures = (
                    "does not finish | | "
                    if his is None or ours is None
                    else (f"{his.seconds:.2f} | {his.seconds / ours.seconds:.2f} | {his.megabytes:,.0f}")
                )
                lines.append(f"| {size:,} | {label} | {side} | {figures} |")
    return "\n".join(lines)


def _sum(parts: list[Measured | None]) -> Measured | None:
    there = [part for part in parts if part is not None]
    if len(there) < len(parts):
        return None
    return Measured(sum(p.seconds for p in there), max(p.megabytes for p in there))


def growth(rows: list[Row], side: str) -> str:
    """Return how time grows, as the slope of its logarithm from one size to the next."""
    lines = ["| growth of | from | to | exponent |", "| --- | --- | --- | --- |"]
    own = [row for row in rows if row.side == side and row.measured]
    for stage in STAGES:
        by_deals = sorted(
            (r for r in own if r.stage == stage and r.months == len(MONTHS)), key=lambda r: r.deals
        )
        for a, b in itertools.pairwise(by_deals):
            lines.append(
                f"| {stage} in deals | {a.deals:,} | {b.deals:,} | {_slope(a, b, b.deals / a.deals):.2f} |"
            )
    for stage in STAGES:
        size = growth_size([row.deals for row in own])
        by_months = sorted((r for r in own if r.stage == stage and r.deals == size), key=lambda r: r.months)
        for a, b in itertools.pairwise(by_months):
            exponent = _slope(a, b, b.months / a.months)
            lines.append(f"| {stage} in months, {size:,} deals | {a.months} | {b.months} | {exponent:.2f} |")
    return "\n".join(lines)


def _slope(a: Row, b: Row, times: float) -> float:
    if a.measured is None or b.measured is None:
        return math.nan
    return math.log(b.measured.seconds / a.measured.seconds) / math.log(times)


def plot(rows: list[Row], path: Path) -> None:
    """Plot seconds and peak memory over deals, by side."""
    with mpl.rc_context({"svg.hashsalt": "tables"}):
        figure = Figure(figsize=(9, 3.6), layout="constrained")
        seconds, memory = figure.subplots(1, 2)
        dashes = dict(zip(STAGES, ("--", "-"), strict=True))
        for side, stage in itertools.product(dict.fromkeys(row.side for row in rows), STAGES):
            line = [
                r for r in rows if (r.side, r.stage, r.months) == (side, stage, len(MONTHS)) and r.measured
            ]
            deals = [r.deals for r in line]
            color = f"C{SIDES.index(side) if side in SIDES else len(SIDES)}"
            style = {"marker": "o", "linestyle": dashes[stage], "color": color, "label": f"{side}, {stage}"}
            seconds.plot(deals, [r.measured.seconds for r in line if r.measured], **style)
            memory.plot(deals, [r.measured.megabytes for r in line if r.measured], **style)
        for axes, what in ((seconds, "seconds"), (memory, "peak MB")):
            axes.set(xscale="log", yscale="log", xlabel="deals, 15 months", ylabel=what)
        seconds.legend(fontsize="small")
        figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()

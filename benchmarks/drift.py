"""`python -m benchmarks.drift [SEEDS]`: how often drift is found where it is put in, and where there is none.

It puts each scenario of `dev.drift_scenarios` into the dump in `CRM_DATA_DIR`, into the sample, and into a
growing company, at the month in which it begins. It resamples months without drift: samples with other seeds,
companies that neither grow nor shrink, the dump with its agents and accounts dealt out anew, and the closed
deals of each dump drawn anew (`benchmarks.drift_resampled`), with predictions, so that there can be alarms.
And it draws one law at several sizes. It writes its section of README.md.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.drift_resampled import as_table, resampled_months
from benchmarks.growing import STEADY, Company, write_growing
from benchmarks.report import write_section
from crm_assets.sources.csv_folder import CsvFolder
from crm_assets.sources.sample import SyntheticSample
from dev.drift_scenarios import SCENARIOS, Scenario
from dev.drift_world import World, changed, world

DEALS = "raw_sales_pipeline"
SAMPLE_MONTH, REAL_MONTH, GROWING_MONTH = "2023-11", "2017-09", "2023-05"
SIZES, SMALL = (8_800, 88_000), "growing, 7,000 deals"
# The sample and the companies without growth, long enough after their first closings.
NULL_MONTHS = {"sample": ("2023-09", "2023-10", "2023-11", "2023-12")}
PACKAGES = ("scipy", "pandas", "duckdb", "evidently")


class OneLaw(SyntheticSample):
    """A sample with as many agents and accounts at any size."""

    @property
    def _agents(self) -> int:
        return 30

    @property
    def _customers(self) -> int:
        return 85


@dataclass(frozen=True)
class Dump:
    """A world, and the month in which drift begins there."""

    name: str
    world: World
    month: str

    @cached_property
    def flagged(self) -> set[str]:
        """The columns that drift anyway."""
        return set(self.world.report(self.month).query("flagged")["column"])


def dumps() -> Iterator[Dump]:
    """Yield the dump of `CRM_DATA_DIR`, if it is set, the sample, and a growing company of two sizes.

    The larger company has as many new deals a month as the dump, the smaller one half as many.
    """
    if folder := os.environ.get("CRM_DATA_DIR"):
        yield Dump("real", world(CsvFolder(Path(folder), "benchmark")), REAL_MONTH)
    yield Dump("sample", world(SyntheticSample(8_800, 7)), SAMPLE_MONTH)
    yield Dump("growing", company(Company(growth=0.03, deals=17_000)), GROWING_MONTH)
    yield Dump(SMALL, company(Company()), GROWING_MONTH)


def company(of: Company) -> World:
    """Return the world of a made-up company."""
    with tempfile.TemporaryDirectory() as folder:
        return world(CsvFolder(write_growing(Path(folder), of), "benchmark"))


def tried(dump: Dump, scenario: Scenario, seed: int) -> dict[str, object]:
    """Put a scenario into a dump, and return what the report of its first month says."""
    random = np.random.default_rng([seed, *scenario.name.encode()])
    raw = scenario.make(dump.world.raw, dump.month, random)
    report = changed(dump.world, raw, dump.month).report(dump.month)
    flagged = report[report["flagged"].astype(bool)]
    before = dump.flagged
    found = set(flagged["column"]) & set(scenario.columns)
    roots = flagged.loc[flagged["follows"].isna(), "column"].unique()
    new = [name for name in roots if name not in before]
    return {
        "dump": dump.name,
        "scenario": scenario.name,
        "asked": scenario.asked,
        # A column that drifts in this dump anyway proves nothing.
        "found": bool(found - before),
        "first": bool(new) and new[0] in scenario.columns,
        "named": ", ".join(new[:3]),
    }


def undrifted(seeds: range) -> Iterator[tuple[str, World, list[str]]]:
    """Yield worlds without drift, each with the months to judge."""
    for seed in seeds:
        yield "sample", world(SyntheticSample(8_800, 100 + seed)), list(NULL_MONTHS["sample"])
        still = company(Company(growth=0.0, speed=STEADY, seed=100 + seed))
        yield "company without growth", still, still.months[-8:-1]
        if folder := os.environ.get("CRM_DATA_DIR"):
            real = world(CsvFolder(Path(folder), "benchmark"))
            yield "real, agents and accounts dealt out anew", dealt(real, seed), real.months[-6:]


def dealt(real: World, seed: int) -> World:
    """Return a world whose deals have agents and accounts of other deals: months differ by chance only."""
    random, deals = np.random.default_rng(seed), real.raw[DEALS].copy()
    for name in ("sales_agent", "account"):
        deals[name] = deals[name].to_numpy()[random.permutation(len(deals))]
    return World({**real.raw, DEALS: deals}, real.first)


DEALT = ("sales_agent", "manager", "regional_office", "account", "sector", "revenue", "employees")
DEALT += ("year_established", "office_location", "subsidiary_of")


def false_flags(seeds: range) -> pd.DataFrame:
    """Judge months without drift: one row per month, with the columns that were flagged."""
    rows = []
    for name, of, months in undrifted(seeds):
        for month in months:
            flagged = of.report(month).query("flagged")["column"]
            # Ages and outcomes of the dump do drift; what was dealt out does not.
            flagged = flagged[flagged.isin(DEALT)] if name.startswith("real") else flagged
            rows.append({"dump": name, "month": month, "flagged": ", ".join(sorted(set(flagged)))})
    return pd.DataFrame(rows)


def by_size() -> pd.DataFrame:
    """Put the scenarios into one law at several sizes."""
    rows = []
    for size in SIZES:
        dump = Dump(f"{size:,} deals", world(OneLaw(size, 7)), SAMPLE_MONTH)
        rows += [tried(dump, scenario, 1) for scenario in SCENARIOS[:10:2]]
        none = {"dump": dump.name, "scenario": "no change", "found": bool(dump.flagged)}
        rows.append({**none, "named": ", ".join(sorted(dump.flagged))})
    return pd.DataFrame(rows)


def section(found: pd.DataFrame, false: pd.DataFrame, again: pd.DataFrame, sizes: pd.DataFrame) -> str:
    """Return the section of README.md."""
    names = list(dict.fromkeys(found["dump"]))
    lines = [
        "Found: the report of the month in which a change begins flags a right column that it does not flag "
        "otherwise. First: of the columns that drifted by themselves, a right one is named first.",
        "",
        f"| change | {' | '.join(f'{name}: found | first' for name in names)} |",
        f"| --- |{' --- | --- |' * len(names)}",
    ]
    for scenario in SCENARIOS:
        cells = []
        for name in names:
            own = found[(found["dump"] == name) & (found["scenario"] == scenario.name)]
            cells += [f"{int(own[part].sum())} of {len(own)}" for part in ("found", "first")]
        lines.append(f"| {scenario.name} | {' | '.join(cells)} |")
    asked = found[found["asked"]]
    lines += [
        "",
        f"All in all {found['found'].mean():.1%} are found, {asked['found'].mean():.1%} of the first ten "
        "kinds, and the right column comes first in "
        f"{found.loc[found['found'].astype(bool), 'first'].mean():.1%} of these.",
        "",
        "| months without drift | judged | with a flagged column | which |",
        "| --- | --- | --- | --- |",
    ]
    for name, part in false.groupby("dump", sort=False):
        bad = part[part["flagged"] != ""]
        lines.append(f"| {name} | {len(part)} | {len(bad)} | {'; '.join(bad['flagged']) or 'none'} |")
    lines += [
        f"| all | {len(false)} | {(false['flagged'] != '').mean():.1%} | |",
        "",
        *as_table(again),
        "",
        f"| one law | {' | '.join(dict.fromkeys(sizes['dump']))} |",
        f"| --- |{' --- |' * sizes['dump'].nunique()}",
    ]
    for name, part in sizes.groupby("scenario", sort=False):
        lines.append(
            f"| {name} | {' | '.join('flagged' if one else 'not flagged' for one in part['found'])} |"
        )
    return "\n".join(lines)


def main(seeds: int) -> None:
    """Measure everything, and write the section."""
    there = list(dumps())
    found = pd.DataFrame(
        [
            tried(dump, scenario, seed)
            for dump in there
            for scenario in SCENARIOS
            for seed in range(1, seeds + 1)
        ]
    )
    print(found.groupby(["dump", "scenario"], sort=False)[["found", "first"]].mean())
    print(found[~found["found"].astype(bool) | ~found["first"].astype(bool)].to_string())
    false = false_flags(range(3 * seeds))
    print(false.to_string())
    raw = {dump.name: dump.world.raw for dump in there if dump.name != SMALL}
    again = resampled_months(raw, range(1, 2 * seeds + 1), seeds)
    print(again.to_string())
    sizes = by_size()
    print(sizes.to_string())
    write_section("drift", section(found, false, again, sizes), PACKAGES)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)

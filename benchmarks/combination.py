"""`python -m benchmarks.combination`: compare ways to combine total forecasts on made-up companies.

The companies grow, shrink or stay, have a season by year, by quarter or none, and other seeds than the data
sets of `benchmarks.forecast`, so that a way can be chosen without these. Writes its table into README.md.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import ibis
import numpy as np
import pandas as pd

from benchmarks.growing import QUARTERLY, STEADY, YEARLY, Company, write_growing
from benchmarks.report import MODELS, write_section
from crm_assets.crm import cleaning
from crm_assets.crm.horizon import horizon
from crm_assets.crm.months import shift
from crm_assets.crm.schema import RAW_TABLES
from crm_assets.crm.snapshots import month_rows, snapshots
from crm_assets.modeling import frames
from crm_assets.modeling.outlook import past
from crm_assets.modeling.outlook.cells import Cells
from crm_assets.modeling.outlook.combine import FINEST
from crm_assets.modeling.outlook.history import History, needed
from crm_assets.modeling.outlook.past import NEW, OPEN, REVENUE, TOTAL, WINS, Said
from crm_assets.modeling.outlook.walk import Walk
from crm_assets.sources.base import Source
from crm_assets.sources.csv_folder import CsvFolder
from crm_assets.sources.sample import SyntheticSample

FEATURES = ["product", "sales_agent", "days_open", "month_of_quarter"]
# The first months of a history have nothing to learn from.
SKIPPED = 2
GROWTHS = (0.05, 0.02, 0.0, -0.03)
SPEEDS = {"yearly": YEARLY, "quarterly": QUARTERLY, "steady": STEADY}
DAYS, DEALS, SEEDS = (914, 548), (2_500, 7_000, 15_000), (11, 12, 13, 14)


@dataclass(frozen=True)
class Way:
    """A way to combine.

    Attributes:
        methods: the methods, the preferred one first.
        power: weights are mean squared relative errors to this power.
        months: how many past errors a method needs.
    """

    methods: tuple[str, ...]
    power: float = -1.0
    months: int = 2


NAIVE = ("deals", "season", "last")
ALL = (*NAIVE, "corrected")
WAYS = {
    **{f"{name} alone": Way((name,)) for name in ALL},
    **{f"without the corrected one, power {power:g}": Way(NAIVE, power) for power in (-1, -2)},
    **{f"all, power {power:g}": Way(ALL, power) for power in (-1, -1.5, -2)},
    **{f"all, power -1, {months} past months": Way(ALL, months=months) for months in (1, 3)},
}
CHOSEN = "all, power -1"


def main(folder: Path) -> None:
    """Measure all ways on all companies, print the table, and write it into README.md."""
    found = {way: {WINS: [], REVENUE: []} for way in WAYS}
    best: list[float] = []
    for source in companies(folder):
        history = history_of(source)
        walk, cells = Walk(history, FEATURES), Cells(history)
        said = past.forecasts(walk, cells, 1, past.open_deals(walk, history.month, 1))
        for name, way in WAYS.items():
            for measure, wape in measured(said, way).items():
                found[name][measure].append(wape)
        best.append(min(found[f"{name} alone"][WINS][-1] for name in NAIVE))
    text = _table(found, np.array(best))
    print(text)
    write_section("combination", text, MODELS)


def companies(folder: Path) -> Iterator[Source]:
    """Yield the made-up companies."""
    random = np.random.default_rng(99)
    number = 0
    for growth in GROWTHS:
        for name, speed in SPEEDS.items():
            for days in DAYS:
                for deals in (7_000, int(random.choice(DEALS))):
                    number += 1
                    company = Company(growth, speed, days, deals, 1_000 + number)
                    dump = write_growing(folder / f"{number}-{name}", company)
                    yield CsvFolder(dump, f"{number}")
    for seed in SEEDS:
        yield SyntheticSample(8_800 if seed % 2 else 3_000, seed)


def history_of(source: Source) -> History:
    """Return the history of a source at its last month."""
    raw = {name: ibis.memtable(taken.rows) for name, taken in source.take(*RAW_TABLES).items()}
    deals = cleaning.opportunities(raw, source.month_range().first)
    last = horizon(deals, None)
    snapshot = snapshots(deals, ibis.memtable(month_rows([last])))
    return History.of(frames.coded(needed(snapshot).to_pyarrow()), last)


def measured(said: Sequence[Said], way: Way) -> dict[str, float]:
    """Return the WAPE of wins and of revenue of a way, walked forward."""
    errors, came = dict.fromkeys((WINS, REVENUE), 0.0), dict.fromkeys((WINS, REVENUE), 0.0)
    for place, row in enumerate(said[SKIPPED:], start=SKIPPED):
        if row.came is None:
            continue
        known = [
            other for other in said[:place] if other.came is not None and shift(other.month, 1) <= row.month
        ]
        opened = row.mean[OPEN, WINS][0]
        new = max(mixed(row.methods[WINS], known, way) - opened, 0.0)
        price = row.mean[NEW, REVENUE][0] / max(row.mean[NEW, WINS][0], 1e-9)
        forecast = {WINS: opened + new, REVENUE: row.mean[OPEN, REVENUE][0] + new * price}
        for measure, expected in forecast.items():
            errors[measure] += abs(expected - row.came[TOTAL, measure][0])
            came[measure] += row.came[TOTAL, measure][0]
    return {measure: errors[measure] / came[measure] for measure in errors}


def mixed(methods: Mapping[str, float], known: Sequence[Said], way: Way) -> float:
    """Return the combination of methods by their errors in known months."""
    weights = {}
    for name in (name for name in way.methods if name in methods):
        errors = [
            ((row.methods[WINS][name] - row.came[TOTAL, WINS][0]) / max(row.came[TOTAL, WINS][0], 1.0)) ** 2
            for row in known
            if row.came is not None and name in row.methods[WINS]
        ]
        if len(errors) >= way.months:
            weights[name] = (np.mean(errors) + FINEST**2) ** way.power
    if not weights:
        return next((methods[name] for name in way.methods if name in methods), methods["deals"])
    return float(sum(weights[name] * methods[name] for name in weights) / sum(weights.values()))


def _table(found: Mapping[str, Mapping[str, list[float]]], best: np.ndarray) -> str:
    lines = [
        "| way | wins: WAPE | against the chosen one | ± | revenue: WAPE | against | ± |",
        f"|{' --- |' * 7}",
    ]
    for name, wapes in found.items():
        cells = []
        for measure in (WINS, REVENUE):
            logs = np.log(wapes[measure])
            behind = logs - np.log(found[CHOSEN][measure])
            error = behind.std(ddof=1) / np.sqrt(len(behind))
            cells += [f"{np.exp(logs.mean()):.1%}", f"{behind.mean():+.1%}", f"{error:.1%}"]
        lines.append(f"| {name}{' (chosen)' if name == CHOSEN else ''} | {' | '.join(cells)} |")
    ratio = pd.Series(found[CHOSEN][WINS]) / best
    lows, highs = ratio.quantile(0.1), ratio.quantile(0.9)
    return "\n".join(
        [
            *lines,
            "",
            f"{len(best)} companies. On {(ratio <= 1).mean():.0%} of them the chosen way is at least as good "
            f"as the best of `deals`, `season` and `last` in hindsight; its WAPE over theirs is "
            f"{ratio.median():.2f} in the median, and {lows:.2f} to {highs:.2f} on four of five companies.",
        ]
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(temporary))

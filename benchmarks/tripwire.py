"""`python -m benchmarks.tripwire [SEEDS]`: count the alarms of the tripwire on clean and on leaked dumps.

Each sample is exported as of several months, clean and with each kind of `dev.leaks`. A leak is admitted: the
models learn from all features. It writes a section of benchmarks/README.md.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pyarrow.compute as pc

from benchmarks.report import MODELS, write_section
from crm_assets.console.replay.past import dump_as_of
from crm_assets.crm import cleaning
from crm_assets.crm.feature_table import FEATURE_NAMES
from crm_assets.crm.features import win_features
from crm_assets.crm.schema import RAW_TABLES
from crm_assets.crm.snapshots import month_rows, snapshots
from crm_assets.crm.tables import OPPORTUNITIES
from crm_assets.modeling.algorithm import Algorithm
from crm_assets.modeling.algorithms import ALGORITHMS, algorithm
from crm_assets.modeling.folds import last_lesson, learn
from crm_assets.modeling.frames import coded
from crm_assets.modeling.leak_audit import COLUMNS
from crm_assets.modeling.training import labeled_months
from crm_assets.modeling.training_rows import HeldRows
from crm_assets.modeling.tripwire import SHOWN, WINDOW, Comparison, compare
from crm_assets.sources.csv_folder import CsvFolder
from crm_assets.sources.sample import SyntheticSample
from dev.leaks import LEAKS

SEED = 20161020
SIZES, SEEDS = (2_000, 8_800), 5
# The algorithm that judges most exports, since it learns fastest.
FAST, CLEAN = "xgboost", "clean"
DATES = ("engage_date", "close_date", "created_date")
MONTHS = ("2023-08", "2023-09", "2023-10", "2023-11", "2023-12")


def as_of(whole: dict[str, object], first_month: str, month: str) -> pd.DataFrame:
    """Return the cleaned deals of an export as of a month."""
    then = dump_as_of(whole, month)
    table = cleaning.opportunities({name: ibis.memtable(rows) for name, rows in then.items()}, first_month)
    deals = table.to_pyarrow().to_pandas()
    return deals.assign(**{name: pd.to_datetime(deals[name]) for name in DATES})


def judged(deals: pd.DataFrame, month: str, features: Sequence[str], by: Algorithm) -> Comparison | None:
    """Learn from an export, and compare its newest month with those before it."""
    there = OPPORTUNITIES.having(deals.columns).columns
    stored = pd.DataFrame({column.name: deals[column.name] for column in there})
    table = ibis.memtable(stored).cast(dict.fromkeys(DATES, "date"))
    calendar = ibis.memtable(month_rows([*labeled_months(table, month), month], month))
    snapshot = snapshots(table, calendar).to_pyarrow()
    known = ibis.memtable(snapshot)
    made = win_features(table, calendar, known).to_pyarrow().to_pandas()
    labeled = made[made["won_next_month"].notna()].astype({"won_next_month": "int64"})
    rows = HeldRows(labeled.reset_index(drop=True))
    names = list(features)
    of_last = coded(snapshot.filter(pc.equal(snapshot["snapshot_month"], rows.horizon)))
    fitted = learn(by, last_lesson(rows, names, SEED, lambda _: of_last))
    window = [*rows.months[-WINDOW:], month]
    return compare(
        {one: made[made["snapshot_month"] == one].reset_index(drop=True) for one in window},
        names,
        lambda frame: by.scores(fitted, by.matrix(frame, names)),
    )


def exports(source: SyntheticSample | CsvFolder, months: Sequence[str]) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the cleaned deals of a source as exported at the end of each month."""
    whole = {name: taken.rows for name, taken in source.take(*RAW_TABLES).items()}
    for month in months:
        yield month, as_of(whole, source.month_range().first, month)


def row(name: str, month: str, kind: str, by: Algorithm, found: Comparison | None) -> dict[str, object]:
    """Return one line of the results."""
    named = found.explained["feature"].head(SHOWN).tolist() if found else []
    return {
        "dump": name,
        "month": month,
        "kind": kind,
        "algorithm": by.name,
        "ratio": found.ratio if found else float("nan"),
        "alarm": bool(found and found.collapsed),
        "named": named,
    }


def of_samples(sizes: Sequence[int], seeds: int) -> Iterator[dict[str, object]]:
    """Judge clean exports of samples by all algorithms, and leaked ones by one."""
    for size in sizes:
        for seed in range(1, seeds + 1):
            for month, deals in exports(SyntheticSample(size, seed), MONTHS):
                for by in ALGORITHMS:
                    if by.name == FAST or (seed == 1 and size == SIZES[-1]):
                        yield row(f"{size:,}", month, CLEAN, by, judged(deals, month, FEATURE_NAMES, by))
                if seed > 1 or size != SIZES[-1] or month not in MONTHS[-2:]:
                    continue
                for kind in LEAKS:
                    _, leaked = kind.make(deals, np.random.default_rng([seed, *kind.name.encode()]))
                    by = algorithm(FAST)
                    yield row(f"{size:,}", month, kind.name, by, judged(leaked, month, FEATURE_NAMES, by))


def of_real(folder: Path) -> Iterator[dict[str, object]]:
    """Judge the dump of a folder with the features that are made from the account left out, and admitted."""
    honest = [name for name in FEATURE_NAMES if "account" not in COLUMNS[name]]
    source = CsvFolder(folder, "benchmark")
    months = list(source.month_range())[-5:]
    for month, deals in exports(source, months):
        for by in ALGORITHMS:
            yield row("real", month, CLEAN, by, judged(deals, month, honest, by))
        # The export of an earlier month is made from the last one, with all that was written since.
        if month == months[-1]:
            by = algorithm(FAST)
            yield row("real", month, "account admitted", by, judged(deals, month, FEATURE_NAMES, by))


def report(found: pd.DataFrame) -> str:
    """Return the results as Markdown."""
    clean, leaked = found[found["kind"] == CLEAN], found[found["kind"] != CLEAN]
    lines = [
        "| clean exports | algorithm | judged | alarms | lowest ratio |",
        "| --- | --- | --- | --- | --- |",
        *(
            f"| {dump} | {by} | {len(some)} | {some['alarm'].sum()} | {some['ratio'].min():.2f} |"
            for (dump, by), some in clean.groupby(["dump", "algorithm"], sort=False)
        ),
        "",
        f"Of {len(leaked)} leaked exports {leaked['alarm'].sum()} alarm:",
        "",
        "| leak, admitted | ratios | alarms | features named |",
        "| --- | --- | --- | --- |",
    ]
    for kind, some in leaked.groupby("kind", sort=False):
        named = dict.fromkeys(name for names in some.loc[some["alarm"], "named"] for name in names[:1])
        ratios = ", ".join(f"{ratio:.2f}" for ratio in some["ratio"])
        lines.append(f"| {kind} | {ratios} | {some['alarm'].sum()} of {len(some)} | {', '.join(named)} |")
    return "\n".join(lines)


def main(seeds: int) -> None:
    """Judge all exports, and write the section."""
    found = list(of_samples(SIZES, seeds))
    if folder := os.environ.get("CRM_DATA_DIR"):
        found += of_real(Path(folder))
    text = report(pd.DataFrame(found))
    print(text)
    write_section("tripwire", text, MODELS)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SEEDS)

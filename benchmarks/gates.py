"""`python -m benchmarks.gates [OPPORTUNITIES]`: compare the time of asset checks and of their assets.

It makes tables from CSV files of the synthetic sample, all 15 months, and judges them, with the functions
that the assets and the checks call. The time of an asset includes reading its inputs and writing its table.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pyarrow import csv

from crm_assets.crm import cleaning
from crm_assets.crm.features import monthly_features
from crm_assets.crm.schema import RAW_TABLES, SOURCE_ROW
from crm_assets.crm.snapshots import monthly_snapshots
from crm_assets.crm.tables import MONTHLY_SNAPSHOTS, OPPORTUNITIES, TRAINING_SET, WIN_FEATURES
from crm_assets.defs.checks import crm, features, raw, snapshots
from crm_assets.defs.checks.evaluate import Verdict, evaluate
from crm_assets.defs.checks.suite import Suite
from crm_assets.modeling import training
from crm_assets.sources.csv_folder import CsvFolder
from crm_assets.sources.sample import SyntheticSample
from crm_assets.storage.folder import Folder
from crm_assets.storage.tables import TableStore

SEED = 7


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that some work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


@dataclass(frozen=True)
class Graph:
    """The tables of a dump; each method makes one as its asset does."""

    source: CsvFolder
    store: TableStore
    months: list[str]

    def raw(self) -> None:
        for name, taken in self.source.take(*RAW_TABLES).items():
            self.store.write(name, taken.rows, taken.rows.schema)

    def opportunities(self) -> None:
        raw_tables = {table.name: self.store.read(table.name) for table in RAW_TABLES}
        deals = cleaning.opportunities(raw_tables, self.months[0])
        self.store.write("opportunities", deals, OPPORTUNITIES.arrow)

    def snapshots(self) -> None:
        deals = self.store.read("opportunities")
        query = monthly_snapshots(deals, self.months)
        list(self.store.write_months("monthly_snapshots", query, MONTHLY_SNAPSHOTS.arrow))

    def features(self) -> None:
        deals = self.store.read("opportunities")
        query = monthly_features(deals, self.months, self.months[-1])
        list(self.store.write_months("win_features", query, WIN_FEATURES.arrow))

    def training(self) -> None:
        deals, rows = self.store.read("opportunities"), self.store.read("win_features", self.months)
        self.store.write("training_set", training.training_set(rows, deals), TRAINING_SET.arrow)


def graph(opportunities: int, folder: Path) -> Graph:
    """Write the CSV files of a synthetic dump, and return its graph."""
    sample = SyntheticSample(opportunities, SEED)
    for table in RAW_TABLES:
        rows = sample.read(table).drop_columns([SOURCE_ROW.name])
        csv.write_csv(rows, folder / table.file_name, csv.WriteOptions(quoting_style="needed"))
    store = TableStore(Folder(folder / "tables"))
    return Graph(CsvFolder(folder, "benchmark"), store, list(sample.month_range()))


def main(opportunities: int, folder: Path) -> None:
    """Make and judge every table, and print both times."""
    made = graph(opportunities, folder)
    fresh = crm.newest_event(lambda: made.months[-1])
    parts: list[tuple[str, Callable[[], None], list[tuple[Suite, ...]], list[str] | None]] = [
        ("raw tables", made.raw, [(suite,) for suite in raw.SUITES], None),
        ("opportunities", made.opportunities, [(crm.DEALS, fresh)], None),
        ("monthly_snapshots", made.snapshots, [snapshots.SUITES], made.months),
        ("win_features", made.features, [features.MONTHLY_SUITES], made.months),
        ("training_set", made.training, [(features.TRAINING,)], None),
    ]
    importing = timed(lambda: __import__("great_expectations.expectations"))
    print(f"{opportunities:,} opportunities; importing great-expectations takes {importing:.1f} s\n")
    print("| table | rows | made in s | judged in s | ratio | judged by |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, make, suites, months in parts:
        making = timed(make)
        start = time.perf_counter()
        verdicts = [evaluate(made.store, one, months) for one in suites]
        judging = time.perf_counter() - start
        rows, judge = f"{sum(v.rows for v in verdicts):,}", _judges(verdicts)
        print(
            f"| {name} | {rows} | {making:.2f} | {judging:.2f} | {judging / making:.2f} | {judge} |",
            flush=True,
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\nPeak memory: {peak:,.0f} MB")


def _judges(verdicts: list[Verdict]) -> str:
    """Return what judged the rows; great-expectations always judges month totals, which are few rows."""
    engine = any("engine" in verdict.judged_by for verdict in verdicts)
    return "engine" if engine else "great-expectations"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 8_800, Path(temporary))

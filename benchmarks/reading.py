"""`python -m benchmarks.reading [DEALS ...]`: time from CSV files to judged raw tables.

Each deal file has one bad row in a hundred: a date of the wrong year, a field too many, an unknown stage, or
an impossible day. It is read twice: as our own files are written, and as a German spreadsheet writes them
(semicolons, Windows-1252, `D.M.YYYY hh:mm`, `1.200,50 €`).
"""

from __future__ import annotations

import csv
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
from pyarrow import csv as arrow_csv

from benchmarks.report import TABLES, write_section
from benchmarks.whole_graph import measure
from crm_assets.crm.schema import RAW_TABLES, SOURCE_ROW
from crm_assets.sources.csv_folder import CsvFolder
from crm_assets.sources.sample import SyntheticSample

SIZES = (88_000, 880_000, 8_800_000)
ONE_IN = 100
AGENT, STAGE, ENGAGED, CLOSED, VALUE = 1, 4, 5, 6, 7
EUROPEAN = str.maketrans(",.", ".,")

Row = list[str]


def main() -> None:
    """Measure each size and layout in a process of its own, and write a table into README.md."""
    if sys.argv[1:2] == ["read"]:
        read(Path(sys.argv[2]))
        return
    sizes = [int(size) for size in sys.argv[1:]] or SIZES
    lines = ["| deals | written as | MB | seconds | peak MB |", "| --- | --- | --- | --- | --- |"]
    with tempfile.TemporaryDirectory() as base:
        for size in sizes:
            folder = Path(base) / f"{size}"
            write(folder, size)
            for layout, rewrite in (("ours", ours), ("a German spreadsheet", german)):
                path = rewrite(folder)
                used = measure([sys.executable, "-m", "benchmarks.reading", "read", str(folder)], {})
                megabytes = path.stat().st_size / 1e6
                lines.append(
                    f"| {size:,} | {layout} | {megabytes:,.0f} | {used.seconds:.1f} | {used.megabytes:,.0f} |"
                )
    print("\n".join(lines))
    write_section("reading", "\n".join(lines), TABLES)


def read(folder: Path) -> None:
    """Read, judge and quarantine as a run does."""
    CsvFolder(folder, "benchmark", quarantines=True, max_bad_share=0.05).take(*RAW_TABLES)


def write(folder: Path, deals: int) -> None:
    """Write the files of a synthetic CRM."""
    folder.mkdir()
    sample = SyntheticSample(deals, seed=1)
    for table in RAW_TABLES:
        rows: pa.Table = sample.read(table).drop_columns([SOURCE_ROW.name])
        arrow_csv.write_csv(rows, folder / table.file_name)


def ours(folder: Path) -> Path:
    """Spoil one row in a hundred."""

    def spoiled(rows: Iterator[Row]) -> Iterator[Row]:
        for number, row in enumerate(rows):
            yield _spoiled(row, number // ONE_IN) if number % ONE_IN == 1 else row

    return _rewritten(folder, spoiled, ",", "utf-8")


def german(folder: Path) -> Path:
    """Write the deals as a German spreadsheet does."""

    def translated(rows: Iterator[Row]) -> Iterator[Row]:
        for number, row in enumerate(rows):
            # Rows of too many fields are bad in any language.
            yield row if len(row) > VALUE + 1 else _translated(row, number)

    return _rewritten(folder, translated, ";", "cp1252")


def _spoiled(row: Row, kind: int) -> Row:
    changed = list(row)
    if kind % 4 == 0:
        changed[CLOSED] = changed[CLOSED].replace("2023-", "2190-")
    elif kind % 4 == 1:
        changed.append("more")
    elif kind % 4 == 2:
        changed[STAGE] = "Maybe"
    else:
        changed[ENGAGED] = changed[ENGAGED].replace("-0", "-19")
    return changed


def _translated(row: Row, number: int) -> Row:
    changed = list(row)
    changed[AGENT] = changed[AGENT].replace("Agent", "Ag\u00e9nt")
    for at in (ENGAGED, CLOSED):
        if row[at]:
            year, month, day = row[at].split("-")
            changed[at] = f"{day}.{month}.{year} {number % 24:02d}:{number % 60:02d}"
    if row[VALUE]:
        amount = float(row[VALUE]) and float(row[VALUE]) + number % 100 / 100
        changed[VALUE] = f"{amount:,.2f} \u20ac".translate(EUROPEAN)
    return changed


def _rewritten(
    folder: Path, change: Callable[[Iterator[Row]], Iterator[Row]], separator: str, encoding: str
) -> Path:
    path, draft = folder / "sales_pipeline.csv", folder / "draft"
    with path.open(newline="") as source, draft.open("w", newline="", encoding=encoding) as target:
        rows, writer = csv.reader(source), csv.writer(target, delimiter=separator)
        writer.writerow(next(rows))
        writer.writerows(change(rows))
    return draft.replace(path)


if __name__ == "__main__":
    main()

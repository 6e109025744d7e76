"""`python -m benchmarks.reading [DEALS ...]`: time from CSV files to judged raw tables.

Each deal file has one bad row in a hundred: a date of the wrong year, a field too many, an unknown stage, or
an impossible day. It is read as our own files are written, and as a German spreadsheet writes them
(semicolons, Windows-1252, `D.M.YYYY hh:mm`, `1.200,50 €`). Without bad rows, it is read as Salesforce exports
it, through its preset.
"""

from __future__ import annotations

import csv
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from benchmarks.report import TABLES, write_section
from benchmarks.whole_graph import measure
from crm_assets.crm.schema import (
    RAW_ACCOUNTS,
    RAW_SALES_PIPELINE,
    RAW_SALES_TEAMS,
    RAW_TABLES,
    SOURCE_ROW,
    Stage,
)
from crm_assets.sources.csv_folder import CsvFolder
from crm_assets.sources.mapping.folder import MappedFolder
from crm_assets.sources.mapping.ids import long_ids
from crm_assets.sources.mapping.load import DEFAULT, load
from crm_assets.sources.sample import SyntheticSample

SIZES = (88_000, 880_000, 8_800_000)
ONE_IN = 100
AGENT, STAGE, ENGAGED, CLOSED, VALUE = 1, 4, 5, 6, 7
EUROPEAN = str.maketrans(",.", ".,")

Row = list[str]


def main() -> None:
    """Measure each size and layout in a process of its own, and write a table into README.md."""
    if sys.argv[1:2] == ["read"]:
        read(Path(sys.argv[2]), sys.argv[3])
        return
    sizes = [int(size) for size in sys.argv[1:]] or SIZES
    lines = ["| deals | written as | MB | seconds | peak MB |", "| --- | --- | --- | --- | --- |"]
    with tempfile.TemporaryDirectory() as base:
        for size in sizes:
            folder = Path(base) / f"{size}"
            write(folder, size)
            for layout, rewrite, mapping in LAYOUTS:
                path = rewrite(folder)
                command = [sys.executable, "-m", "benchmarks.reading", "read", str(path.parent), mapping]
                used = measure(command, {})
                megabytes = path.stat().st_size / 1e6
                lines.append(
                    f"| {size:,} | {layout} | {megabytes:,.0f} | {used.seconds:.1f} | {used.megabytes:,.0f} |"
                )
    print("\n".join(lines))
    write_section("reading", "\n".join(lines), TABLES)


def read(folder: Path, mapping: str) -> None:
    """Read, judge and quarantine as a run does."""
    source = CsvFolder(folder, "benchmark", quarantines=True, max_bad_share=0.05)
    if mapping != DEFAULT:
        source = MappedFolder(folder, "benchmark", quarantines=True, loaded=load(mapping))
    source.take(*RAW_TABLES)


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


def salesforce(folder: Path) -> Path:
    """Write the sample's deals, users and accounts as Data Loader does, with ids in place of names."""
    sample = SyntheticSample(int(folder.name), seed=1)
    there = folder / "salesforce"
    there.mkdir()
    ids = {}
    for table, file, key in ((RAW_SALES_TEAMS, "User", "sales_agent"), (RAW_ACCOUNTS, "Account", "account")):
        names = sample.read(table)[key].combine_chunks()
        ids[key] = names, _ids(file, len(names))
        arrow_csv.write_csv(pa.table({"Id": ids[key][1], "Name": names}), there / f"{file}.csv")
    deals = sample.read(RAW_SALES_PIPELINE)
    won, lost = (pc.equal(deals["deal_stage"], stage.value) for stage in (Stage.WON, Stage.LOST))
    stages = pc.if_else(won, "Closed Won", pc.if_else(lost, "Closed Lost", "Qualification"))
    began = pc.coalesce(deals["engage_date"], pa.scalar(date(2023, 1, 2)))
    columns = {
        "Id": _ids("Opportunity", len(deals)),
        "StageName": stages,
        "IsClosed": pc.or_(won, lost),
        "IsWon": won,
        "CreatedDate": pc.binary_join_element_wise(began.cast(pa.string()), "T10:30:00.000Z", ""),
        "CloseDate": pc.coalesce(deals["close_date"], pa.scalar(date(2024, 6, 1))).cast(pa.string()),
        "Amount": deals["close_value"],
        "Probability": pc.if_else(won, 100, pc.if_else(lost, 0, 20)),
    }
    for column, name in (("OwnerId", "sales_agent"), ("AccountId", "account")):
        names, known = ids[name]
        columns[column] = known.take(pc.index_in(deals[name].combine_chunks(), value_set=names))
    arrow_csv.write_csv(pa.table(columns), there / "Opportunity.csv")
    return there / "Opportunity.csv"


def _ids(kind: str, count: int) -> pa.Array:
    return long_ids(pa.array([f"00{kind[0]}5g{at:010d}" for at in range(count)]))


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


# How the deals are written, and the mapping that reads them.
LAYOUTS = (
    ("ours", ours, DEFAULT),
    ("a German spreadsheet", german, DEFAULT),
    ("an export of Salesforce", salesforce, "salesforce"),
)


if __name__ == "__main__":
    main()

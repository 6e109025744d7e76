"""A folder of CSV files: the source reads the same values, however the files are written."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from crm_assets.crm.months import MonthRange
from crm_assets.crm.schema import (
    RAW_ACCOUNTS,
    RAW_SALES_PIPELINE,
    RAW_TABLES,
    SOURCE_ROW,
    RawTable,
    Stage,
    as_given,
)
from crm_assets.errors import BadInputError
from crm_assets.sources.csv_folder import CsvFolder
from crm_assets.sources.sample import SyntheticSample

Records = list[list[str]]
Quoting = Literal[0, 1, 2, 3]
Mutation = Callable[[Path], None]


def tables_of(folder: Path) -> list[RawTable]:
    """Return the raw tables whose files a folder has."""
    return [table for table in RAW_TABLES if (folder / table.file_name).exists()]


def records(folder: Path, table: RawTable) -> Records:
    with (folder / table.file_name).open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def as_text(rows: Records, quoting: Quoting = csv.QUOTE_MINIMAL, line_end: str = "\n") -> str:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=quoting, lineterminator=line_end).writerows(rows)
    return text.getvalue()


def rewritten(change: Callable[[Records], Records], *tables: RawTable) -> Mutation:
    """Write the tables again with changed records: the named ones, or all."""

    def mutate(folder: Path) -> None:
        for table in tables or tables_of(folder):
            text = as_text(change(records(folder, table)))
            (folder / table.file_name).write_text(text, encoding="utf-8", newline="")

    return mutate


def in_bytes(change: Callable[[bytes], bytes], *tables: RawTable) -> Mutation:
    """Change the bytes of the tables: of the named ones, or all."""

    def mutate(folder: Path) -> None:
        for table in tables or tables_of(folder):
            path = folder / table.file_name
            path.write_bytes(change(path.read_bytes()))

    return mutate


def written_as(quoting: Quoting = csv.QUOTE_MINIMAL, line_end: str = "\n") -> Mutation:
    def mutate(folder: Path) -> None:
        for table in tables_of(folder):
            text = as_text(records(folder, table), quoting, line_end)
            (folder / table.file_name).write_text(text, encoding="utf-8", newline="")

    return mutate


def in_column(name: str, change: Callable[[str], str]) -> Callable[[Records], Records]:
    def changed(rows: Records) -> Records:
        at = rows[0].index(name)
        return [rows[0], *([*row[:at], change(row[at]), *row[at + 1 :]] for row in rows[1:])]

    return changed


def slashed(day: str) -> str:
    year, month, number = day.split("-") if day else ("", "", "")
    return f"{int(month)}/{int(number)}/{year}" if day else ""


def all_slashed(folder: Path) -> None:
    for name in ("engage_date", "close_date"):
        rewritten(in_column(name, slashed), RAW_SALES_PIPELINE)(folder)


def contents(folder: Path) -> dict[str, pa.Table]:
    return {name: taken.rows for name, taken in CsvFolder(folder, "test").take(*RAW_TABLES).items()}


def without_places(tables: dict[str, pa.Table]) -> dict[str, pa.Table]:
    """Return the tables in the order of their keys, without row numbers."""
    plain = {name: table.drop_columns([SOURCE_ROW.name]) for name, table in tables.items()}
    return {
        name: table.sort_by([(c, "ascending") for c in table.column_names]) for name, table in plain.items()
    }


HARMLESS_IN_PLACE: dict[str, Mutation] = {
    "column order": rewritten(lambda rows: [row[::-1] for row in rows]),
    "extra columns": rewritten(lambda rows: [["note", *row, "note", ""] for row in rows]),
    "a column called source_row": rewritten(
        lambda rows: [[*rows[0], "source_row"], *([*r, "1"] for r in rows[1:])]
    ),
    "an extra column in another encoding": in_bytes(
        lambda data: data.replace(b"\n", b",\xe9\n").replace(b",\xe9", b",note", 1)
    ),
    "every field quoted": written_as(csv.QUOTE_ALL),
    "no field quoted": written_as(csv.QUOTE_MINIMAL),
    "CRLF": written_as(line_end="\r\n"),
    "CR alone": written_as(line_end="\r"),
    "BOM": in_bytes(lambda data: b"\xef\xbb\xbf" + data),
    "BOM and CRLF": in_bytes(lambda data: b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n")),
    "no line end at the end": in_bytes(lambda data: data.rstrip(b"\n")),
    "a blank line at the end": in_bytes(lambda data: data + b"\n"),
    "blank lines and blanks at the end": in_bytes(lambda data: data + b"\n  \n\n"),
    "rows of commas at the end": rewritten(lambda rows: [*rows, *[[""] * len(rows[0])] * 3]),
    "spaces around values and names": rewritten(lambda rows: [[f" {v}\t" for v in row] for row in rows]),
    "no-break spaces around values": rewritten(lambda rows: [[f"\u00a0{v}\u00a0" for v in r] for r in rows]),
    "dates as M/D/YYYY": all_slashed,
    "dates as MM/DD/YYYY": rewritten(
        in_column("close_date", lambda day: f"{day[5:7]}/{day[8:]}/{day[:4]}" if day else ""),
        RAW_SALES_PIPELINE,
    ),
    "whole numbers with decimals": rewritten(
        in_column("employees", lambda heads: f"{heads}.0" if heads else ""), RAW_ACCOUNTS
    ),
}

HARMLESS_WITH_MOVED_ROWS: dict[str, Mutation] = {
    "row order": rewritten(lambda rows: [rows[0], *reversed(rows[1:])]),
    "blank lines in between": in_bytes(lambda data: data.replace(b"\n", b"\n\n")),
    "rows of commas in between": rewritten(lambda rows: [*rows[:4], [""] * len(rows[0]), *rows[4:]]),
}


@pytest.mark.parametrize("mutate", HARMLESS_IN_PLACE.values(), ids=HARMLESS_IN_PLACE)
def test_harmless_variations_read_the_same_tables(
    small_dump: Path, clean: dict[str, pa.Table], mutate: Mutation
) -> None:
    mutate(small_dump)
    assert contents(small_dump) == clean


@pytest.mark.parametrize("mutate", HARMLESS_WITH_MOVED_ROWS.values(), ids=HARMLESS_WITH_MOVED_ROWS)
def test_moved_rows_read_the_same_tables_but_for_their_numbers(
    small_dump: Path, clean: dict[str, pa.Table], mutate: Mutation
) -> None:
    mutate(small_dump)
    after = contents(small_dump)
    assert after != clean
    assert without_places(after) == without_places(clean)


def test_tables_have_the_columns_and_types_of_the_schema(small_dump: Path) -> None:
    for table in RAW_TABLES:
        rows = CsvFolder(small_dump, "test").read(table)
        assert rows.schema == as_given(table.arrow, rows.column_names)
        assert rows.column_names == SyntheticSample(900, seed=1).read(table).column_names


def test_rows_are_numbered_as_a_spreadsheet_does(small_dump: Path) -> None:
    rewritten(
        # A value with a line break stays in one row; a blank line counts as a row.
        lambda rows: [rows[0], [*rows[1][:-1], "one\ntwo"], *rows[2:4], [], *rows[4:]],
        RAW_ACCOUNTS,
    )(small_dump)
    accounts = contents(small_dump)["raw_accounts"]
    assert accounts["source_row"].to_pylist()[:5] == [2, 3, 4, 6, 7]
    assert accounts["subsidiary_of"][0].as_py() == "one\ntwo"


def test_row_numbers_hold_in_files_that_are_read_in_blocks(tmp_path: Path, small_dump: Path) -> None:
    rows = [["account", "office_location"], *([f"Account {n:06d}", "x" * 90] for n in range(200_000))]
    rows[9][1] = "one\ntwo"
    rows[10] = []
    rows[189_999].append("too much")
    (small_dump / RAW_ACCOUNTS.file_name).write_text(as_text(rows))
    assert (small_dump / RAW_ACCOUNTS.file_name).stat().st_size > 1 << 24
    with pytest.raises(BadInputError, match=r"^accounts\.csv, row 190000: 3 fields"):
        CsvFolder(small_dump, "test").read(RAW_ACCOUNTS)


def test_a_dump_without_prospecting_deals_is_read(small_dump: Path, clean: dict[str, pa.Table]) -> None:
    before = clean["raw_sales_pipeline"]
    at = RAW_SALES_PIPELINE.names.index("deal_stage")
    rewritten(lambda rows: [r for r in rows if r[at] != Stage.PROSPECTING], RAW_SALES_PIPELINE)(small_dump)
    after = contents(small_dump)["raw_sales_pipeline"]
    expected = before.filter(pc.not_equal(before["deal_stage"], Stage.PROSPECTING.value))
    assert 0 < after.num_rows < before.num_rows
    assert after.drop_columns(["source_row"]) == expected.drop_columns(["source_row"])


def test_a_dump_without_closed_deals_is_read(small_dump: Path) -> None:
    at = RAW_SALES_PIPELINE.names.index("deal_stage")
    rewritten(lambda rows: [r for r in rows if r[at] not in ("Won", "Lost")], RAW_SALES_PIPELINE)(small_dump)
    pipeline = contents(small_dump)["raw_sales_pipeline"]
    assert pipeline["close_date"].null_count == pipeline.num_rows > 0


@pytest.mark.parametrize("missing", [(name,) for name in RAW_ACCOUNTS.optional] + [RAW_ACCOUNTS.optional])
def test_columns_that_the_file_lacks_are_absent(
    small_dump: Path, clean: dict[str, pa.Table], missing: tuple[str, ...]
) -> None:
    before = clean["raw_accounts"]
    kept = [at for at, name in enumerate(before.column_names[:-1]) if name not in missing]
    rewritten(lambda rows: [[row[at] for at in kept] for row in rows], RAW_ACCOUNTS)(small_dump)
    after = contents(small_dump)["raw_accounts"]
    assert after == before.drop_columns(list(missing))


def test_the_file_order_is_kept(small_dump: Path) -> None:
    written = [row[0] for row in records(small_dump, RAW_SALES_PIPELINE)[1:]]
    assert contents(small_dump)["raw_sales_pipeline"]["opportunity_id"].to_pylist() == written


@pytest.mark.parametrize("mutate", [all_slashed, HARMLESS_WITH_MOVED_ROWS["row order"]])
def test_the_month_range_does_not_depend_on_how_dates_are_written(small_dump: Path, mutate: Mutation) -> None:
    before = CsvFolder(small_dump, "test").month_range()
    mutate(small_dump)
    assert CsvFolder(small_dump, "test").month_range() == before == MonthRange("2022-10", "2023-12")


def test_the_month_range_ends_before_a_month_that_the_dump_cuts(small_dump: Path) -> None:
    at = RAW_SALES_PIPELINE.names.index("close_date")
    cut = "2023-12-15"
    rewritten(
        lambda rows: [rows[0], *(row for row in rows[1:] if max(row[at - 1], row[at]) <= cut)],
        RAW_SALES_PIPELINE,
    )(small_dump)
    assert CsvFolder(small_dump, "test").month_range().last == "2023-11"


def test_the_real_dump_has_the_known_stages(real_dump: Path) -> None:
    counts = pc.value_counts(contents(real_dump)["raw_sales_pipeline"]["deal_stage"]).to_pylist()
    assert {count["values"]: count["counts"] for count in counts} == {
        Stage.WON: 4238,
        Stage.LOST: 2473,
        Stage.ENGAGING: 1589,
        Stage.PROSPECTING: 500,
    }


def test_the_real_dump_has_the_known_sums_and_gaps(real_dump: Path) -> None:
    tables = contents(real_dump)
    pipeline = tables["raw_sales_pipeline"]
    won = pipeline.filter(pc.equal(pipeline["deal_stage"], Stage.WON.value))
    without_account = pipeline.filter(pc.is_null(pipeline["account"]))
    assert pc.sum(won["close_value"]).as_py() == 10_005_534
    assert without_account.num_rows == 1425
    assert without_account["close_date"].null_count == 1425
    assert {name: table.num_rows for name, table in tables.items() if table.num_rows} == {
        "raw_accounts": 85,
        "raw_products": 7,
        "raw_sales_teams": 35,
        "raw_sales_pipeline": 8800,
    }


def test_the_real_dump_covers_october_2016_to_december_2017(real_dump: Path) -> None:
    assert CsvFolder(real_dump, "test").month_range() == MonthRange("2016-10", "2017-12")

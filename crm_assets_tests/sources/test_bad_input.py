"""Bad input: one sentence that names the file, the column, the rows and the remedy."""

from __future__ import annotations

import csv
import shutil
from dataclasses import dataclass
from pathlib import Path

import pyarrow.compute as pc
import pytest

from crm_assets.crm.schema import RAW_ACCOUNTS as ACCOUNTS
from crm_assets.crm.schema import RAW_PRODUCTS as PRODUCTS
from crm_assets.crm.schema import RAW_SALES_PIPELINE as PIPELINE
from crm_assets.crm.schema import RAW_SALES_TEAMS as TEAMS
from crm_assets.crm.schema import RAW_TABLES, RawTable
from crm_assets.errors import BadInputError, SourceUnavailableError
from crm_assets.sources.csv_folder import CsvFolder
from crm_assets.sources.kaggle import KaggleDataset
from crm_assets_tests.chain import opportunities
from crm_assets_tests.sources.test_csv_folder import Mutation, Records, in_bytes, rewritten, written_as


@dataclass(frozen=True)
class Case:
    """A way to spoil a dump, the start of the sentence about it, and what else the sentence says."""

    claim: str
    mutate: Mutation
    begins: str
    says: tuple[str, ...]
    error: type[Exception] = BadInputError


def put(table: RawTable, *rows: int, **values: str) -> Mutation:
    """Overwrite values in rows, which are counted as in a spreadsheet."""

    def change(records: Records) -> Records:
        for row in rows:
            for name, value in values.items():
                records[row - 1][records[0].index(name)] = value
        return records

    return rewritten(change, table)


def deal(row: int, stage: str, engaged: str = "", closed: str = "", value: str = "") -> Mutation:
    """Overwrite the values of a deal that belong together."""
    return put(PIPELINE, row, deal_stage=stage, engage_date=engaged, close_date=closed, close_value=value)


def won(row: int, engaged: str = "2023-05-02", closed: str = "2023-06-01", value: str = "100") -> Mutation:
    return deal(row, "Won", engaged, closed, value)


def insert(table: RawTable, line: int, text: str) -> Mutation:
    """Insert a line of text."""

    def change(data: bytes) -> bytes:
        kept = data.split(b"\n")
        return b"\n".join([*kept[: line - 1], text.encode(), *kept[line - 1 :]])

    return in_bytes(change, table)


def extend(table: RawTable, line: int, text: str) -> Mutation:
    """Add text to the end of a line."""

    def change(data: bytes) -> bytes:
        kept = data.split(b"\n")
        return b"\n".join([*kept[: line - 1], kept[line - 1] + text.encode(), *kept[line:]])

    return in_bytes(change, table)


def replace(table: RawTable, old: bytes, new: bytes, count: int = -1) -> Mutation:
    return in_bytes(lambda data: data.replace(old, new, count), table)


def replace_field(table: RawTable, row: int, column: str, text: str) -> Mutation:
    """Write a field as it stands, without the quotation marks that it may need."""

    def change(data: bytes) -> bytes:
        lines = data.split(b"\n")
        fields = lines[row - 1].split(b",")
        fields[table.names.index(column)] = text.encode()
        return b"\n".join([*lines[: row - 1], b",".join(fields), *lines[row:]])

    return in_bytes(change, table)


def content(table: RawTable, data: bytes) -> Mutation:
    return in_bytes(lambda _: data, table)


def encoded(table: RawTable, encoding: str) -> Mutation:
    return in_bytes(lambda data: data.decode("utf-8").encode(encoding), table)


def renamed(table: RawTable, old: str, new: str) -> Mutation:
    return rewritten(lambda rows: [[new if name == old else name for name in rows[0]], *rows[1:]], table)


def removed(table: RawTable) -> Mutation:
    return lambda folder: (folder / table.file_name).unlink()


def each(*mutations: Mutation) -> Mutation:
    def mutate(folder: Path) -> None:
        for mutation in mutations:
            mutation(folder)

    return mutate


def _broken_at_last(data: bytes) -> bytes:
    """Cut the last accented letter in two."""
    before, after = data.rsplit(b"\xc3\xa9", 1)
    return before + b"\xc3" + after


# A line break inside a value of row 2: each later row is one line lower than its number.
LINE_BREAK = put(PIPELINE, 2, account="Account\n0001")
PLAIN = written_as(csv.QUOTE_MINIMAL)
UTF8 = ("not UTF-8", "save the file as CSV with the encoding UTF-8")

FILES = [
    Case(
        "a missing file",
        removed(PIPELINE),
        "sales_pipeline.csv is not in ",
        ("put it there or set CRM_DATA_DIR",),
        SourceUnavailableError,
    ),
    Case(
        "a missing folder",
        shutil.rmtree,
        "The folder ",
        ("does not exist", "set CRM_DATA_DIR", "CRM_SOURCE=sample"),
        SourceUnavailableError,
    ),
    Case("an empty file", content(TEAMS, b""), "sales_teams.csv is empty; ", ("export",)),
    Case("a file of blanks", content(TEAMS, b"\n  \n\r\n"), "sales_teams.csv is empty; ", ("export",)),
    Case("a file of a BOM", content(TEAMS, b"\xef\xbb\xbf"), "sales_teams.csv is empty; ", ("export",)),
    Case(
        "a header only",
        rewritten(lambda rows: rows[:1], PIPELINE),
        "sales_pipeline.csv has a header but no rows; ",
        ("export",),
    ),
    Case(
        "a header without a line end",
        content(PIPELINE, ",".join(PIPELINE.names).encode()),
        "sales_pipeline.csv has a header but no rows; ",
        ("export",),
    ),
    Case(
        "a header and blank rows",
        content(PIPELINE, f"{','.join(PIPELINE.names)}\n\n{',' * (len(PIPELINE.names) - 1)}\n".encode()),
        "sales_pipeline.csv has a header but no rows; ",
        ("export",),
    ),
    Case("a file that is no text", content(PIPELINE, bytes(range(256))), "sales_pipeline.csv, row 1: ", UTF8),
    Case(
        "a NUL byte",
        each(LINE_BREAK, put(PIPELINE, 7, account="Account\0 0001")),
        "sales_pipeline.csv, column account, row 7: has a NUL character",
        ("save the file as CSV",),
    ),
]

HEADERS = [
    Case(
        "a missing column",
        renamed(PIPELINE, "close_date", "closed on"),
        "sales_pipeline.csv, column close_date: missing from the header",
        ("closed on", "rename or add it"),
    ),
    Case(
        "several missing columns",
        rewritten(lambda rows: [row[:-2] for row in rows], PIPELINE),
        "sales_pipeline.csv, column close_date, close_value: missing from the header",
        ("rename or add them",),
    ),
    Case(
        "a missing header",
        rewritten(lambda rows: rows[1:], PRODUCTS),
        "products.csv, column product: missing from the header",
        ("rename or add it",),
    ),
    Case(
        "a column under another one's name",
        renamed(PIPELINE, "account", "product"),
        "sales_pipeline.csv, column product: appears twice in the header; ",
        ("keep one of them",),
    ),
    Case(
        "a column twice in the header",
        rewritten(lambda rows: [[*row, row[2]] for row in rows], PIPELINE),
        "sales_pipeline.csv, column product: appears twice in the header; ",
        ("keep one of them",),
    ),
    Case(
        "a quotation mark left open in the header",
        replace(PIPELINE, b'"opportunity_id"', b'"opportunity_id', 1),
        "sales_pipeline.csv, row 1: the header has a quotation mark that is not closed",
        ("close it",),
    ),
]

ROWS = [
    Case(
        "a row with a field too many",
        extend(PIPELINE, 7, ",more"),
        "sales_pipeline.csv, row 7: 9 fields, but the header has 8; ",
        ("missing or extra comma",),
    ),
    Case(
        "rows with fields too few",
        each(insert(PIPELINE, 4, "A,B"), insert(PIPELINE, 9, "A,B,C")),
        "sales_pipeline.csv, rows 4, 9: 2, 3 fields, but the header has 8; ",
        ("missing or extra comma",),
    ),
    Case(
        "many ragged rows",
        each(*(extend(PIPELINE, row, ",more") for row in range(3, 12))),
        "sales_pipeline.csv, rows 3, 4, 5, 6, 7 and 4 more: 9 fields",
        ("missing or extra comma",),
    ),
    Case(
        "a ragged row below a line break and blank lines",
        each(LINE_BREAK, insert(PIPELINE, 5, ""), insert(PIPELINE, 6, "  "), extend(PIPELINE, 12, ",more")),
        # Line 12 of the text is row 11 of a spreadsheet: one value takes two lines.
        "sales_pipeline.csv, row 11: 9 fields",
        ("missing or extra comma",),
    ),
    Case(
        "a quotation mark that swallows the rest of the file",
        each(PLAIN, put(ACCOUNTS, 5, subsidiary_of=""), extend(ACCOUNTS, 5, '"Account 0001')),
        "accounts.csv, row 5: a quotation mark opens a value and is never closed; ",
        ("close or remove it",),
    ),
    Case(
        "a quotation mark that is never closed, below a line break",
        each(LINE_BREAK, insert(PIPELINE, 8, '"X1,Agent 0001')),
        "sales_pipeline.csv, row 7: a quotation mark opens a value and is never closed; ",
        ("close or remove it",),
    ),
    *(
        Case(
            f"two stray quotation marks, {called}",
            each(
                put(PIPELINE, 2, 5, last, account=""),
                PLAIN,
                *(replace_field(PIPELINE, row, "account", '"Account 0001') for row in (5, last)),
            ),
            "sales_pipeline.csv, column account, row 5: a quotation mark opens a value that swallows ",
            ("close or remove it",),
        )
        for called, last in (("in rows one below the other", 6), ("far apart", 90))
    ),
    Case(
        "a character cut in a ragged row at the end of the file",
        each(put(TEAMS, 5, 6, 7, manager="Ren\u00e9"), in_bytes(lambda data: data + b"X,\xc3", TEAMS)),
        "sales_teams.csv, row 32: ",
        UTF8,
    ),
    Case(
        "a broken character in a file of others that are UTF-8",
        each(put(TEAMS, *range(5, 12), manager="Ren\u00e9"), in_bytes(_broken_at_last, TEAMS)),
        "sales_teams.csv, column manager, row 11: ",
        UTF8,
    ),
    Case(
        "a broken character below a very long value",
        each(
            put(PIPELINE, *range(5, 12), account="Caf\u00e9"),
            PLAIN,
            in_bytes(_broken_at_last, PIPELINE),
            replace_field(PIPELINE, 3, "account", "x" * 200_000),
        ),
        "sales_pipeline.csv, at or below a very long value: ",
        UTF8,
    ),
    Case(
        "a quotation mark left open before a very long value",
        each(PLAIN, replace_field(PIPELINE, 3, "account", '"' + "x" * 200_000)),
        "sales_pipeline.csv, row 3: a quotation mark opens a value and is never closed; ",
        ("close or remove it",),
    ),
    Case(
        "a quotation mark left open in a quoted file",
        replace(PIPELINE, b'"Account 0003"', b'"Account 0003', 1),
        "sales_pipeline.csv, row ",
        ("quotation mark", "close"),
    ),
]

VALUES = [
    Case(
        "a text for a date",
        won(7, closed="soon"),
        "sales_pipeline.csv, column close_date, row 7: 'soon' cannot be read as a date; ",
        ("the whole column as YYYY-MM-DD",),
    ),
    Case(
        "an impossible date",
        won(7, engaged="2017-02-30"),
        "sales_pipeline.csv, column engage_date, row 7: '2017-02-30' cannot be read as a date; ",
        ("write real dates, the whole column as YYYY-MM-DD",),
    ),
    Case(
        "an impossible year",
        won(7, engaged="0203-02-28"),
        "sales_pipeline.csv, column engage_date, row 7: '0203-02-28' cannot be read as a date; ",
        ("write real dates",),
    ),
    Case(
        "mixed date formats",
        each(won(4, closed="6/1/2023"), won(9, closed="12/24/2023")),
        "sales_pipeline.csv, column close_date, rows 4, 9: '6/1/2023', '12/24/2023' are not written as "
        "YYYY-MM-DD like the rest of the column; ",
        ("write the whole column as YYYY-MM-DD",),
    ),
    Case(
        "mixed date formats beside an impossible date",
        each(won(4, closed="6/1/2023"), won(9, closed="2023-02-30")),
        "sales_pipeline.csv, column close_date, row 4: '6/1/2023' is not written as YYYY-MM-DD",
        ("write the whole column as YYYY-MM-DD",),
    ),
    Case(
        "a text for a number",
        won(7, value="much"),
        "sales_pipeline.csv, column close_value, row 7: 'much' cannot be read as a number; ",
        ("write numbers like 1,234.5",),
    ),
    *(
        Case(
            f"{text!r} for a number",
            put(PRODUCTS, 3, sales_price=text),
            f"products.csv, column sales_price, row 3: {text!r} cannot be read as a number; ",
            ("write numbers like 1,234.5",),
        )
        for text in ("12.5.1", "inf", "0x1F", "1_000", "12k", "five")
    ),
    *(
        Case(
            f"{text!r} for a whole number",
            put(ACCOUNTS, 3, employees=text),
            f"accounts.csv, column employees, row 3: {text!r} cannot be read as a whole number; ",
            ("plain digits",),
        )
        for text in ("12.5", "1e30", "many", str(2**53 + 1))
    ),
    Case(
        "a negative value",
        won(7, value="-5"),
        "sales_pipeline.csv, column close_value, row 7: '-5' is negative; ",
        ("correct the number",),
    ),
    Case(
        "a negative price",
        put(PRODUCTS, 3, 5, sales_price="-1"),
        "products.csv, column sales_price, rows 3, 5: '-1' is negative; ",
        ("correct the number",),
    ),
    Case(
        "a year that is none",
        put(ACCOUNTS, 4, year_established="96"),
        "accounts.csv, column year_established, row 4: '96' is out of range for a year; ",
        ("enter a year from 1000",),
    ),
    *(
        Case(
            f"no {column} in {table.file_name}",
            put(table, 4, **{column: text}),
            f"{table.file_name}, column {column}, row 4: empty where a value is required; ",
            ("fill it in",),
        )
        for table, column, text in (
            (PIPELINE, "opportunity_id", ""),
            (PIPELINE, "deal_stage", "\t"),
            (ACCOUNTS, "account", ""),
            (TEAMS, "sales_agent", ""),
        )
    ),
    Case(
        "a value too long for a sentence",
        put(PIPELINE, 4, deal_stage="w" * 5000),
        f"sales_pipeline.csv, column deal_stage, row 4: '{'w' * 59}…' is not a stage; ",
        ("use Prospecting",),
    ),
]

RULES = [
    Case(
        "a close date in the future",
        deal(4, "Won", "2023-01-05", "2190-02-01", "10"),
        "sales_pipeline.csv, column close_date, row 4: '2190-02-01' lies in the future; ",
        ("correct the date",),
    ),
    Case(
        "an unknown stage",
        put(PIPELINE, 3, 8, deal_stage="won"),
        "sales_pipeline.csv, column deal_stage, rows 3, 8: 'won' is not a stage; ",
        ("use Prospecting, Engaging, Won, Lost",),
    ),
    Case(
        "unknown stages in many rows",
        put(PIPELINE, *range(2, 13), deal_stage="open"),
        "sales_pipeline.csv, column deal_stage, rows 2, 3, 4, 5, 6 and 6 more: 'open' is not a stage; ",
        ("use Prospecting, Engaging, Won, Lost",),
    ),
    Case(
        "a duplicate opportunity id",
        put(PIPELINE, 4, 9, opportunity_id="TWICE"),
        "sales_pipeline.csv, column opportunity_id, rows 4, 9: 'TWICE' appears more than once; ",
        ("keep one row",),
    ),
    Case(
        "a duplicate product",
        put(PRODUCTS, 2, 5, product="Product B Special"),
        "products.csv, column product, rows 2, 5: 'Product B Special' appears more than once; ",
        ("keep one row",),
    ),
    Case(
        "close before engage",
        each(won(7, "2023-06-02", "2023-06-01"), deal(9, "Lost", "2023-06-03", "2023-05-01", "0")),
        "sales_pipeline.csv, column close_date, rows 7, 9: '2023-06-01', '2023-05-01' lie before the deal's "
        "engage_date; ",
        ("correct one of the two dates",),
    ),
    Case(
        "a Won deal without close date",
        won(7, closed=""),
        "sales_pipeline.csv, column close_date, row 7: empty although the deal is Won or Lost; ",
        ("fill in the day the deal was closed",),
    ),
    Case(
        "a Won deal without engage date",
        won(7, engaged=""),
        "sales_pipeline.csv, column engage_date, row 7: empty although the deal is engaged or closed; ",
        ("fill in the day the deal was engaged",),
    ),
    Case(
        "an open deal with close date",
        deal(7, "Engaging", "2023-05-02", "2023-06-01"),
        "sales_pipeline.csv, column close_date, row 7: '2023-06-01' belongs to a deal that is not closed; ",
        ("remove the close date or set the stage to Won or Lost",),
    ),
    Case(
        "an open deal with close value",
        deal(7, "Engaging", "2023-05-02", "", "10"),
        "sales_pipeline.csv, column close_value, row 7: '10' belongs to a deal that is not closed; ",
        ("remove the close value or set the stage to Won or Lost",),
    ),
    Case(
        "a prospecting deal with engage date",
        deal(7, "Prospecting", "2023-05-02"),
        "sales_pipeline.csv, column engage_date, row 7: '2023-05-02' belongs to a deal that is still prosp",
        ("remove the date or set the stage to Engaging",),
    ),
    Case(
        "a broken rule below a line break and blank lines",
        each(
            LINE_BREAK, put(PIPELINE, 7, deal_stage="Foo"), insert(PIPELINE, 5, ""), insert(PIPELINE, 6, " ")
        ),
        "sales_pipeline.csv, column deal_stage, row 9: 'Foo' is not a stage; ",
        ("use Prospecting",),
    ),
]

REFERENCES = [
    Case(
        "a Lost deal with a close value",
        deal(7, "Lost", "2023-05-02", "2023-06-01", "55"),
        "sales_pipeline.csv, column close_value, row 7: '55' is the close value of a Lost deal; ",
        ("enter 0 or set the stage to Won",),
    ),
    Case(
        "two names that look the same",
        put(ACCOUNTS, 5, account="Account  0001"),
        "accounts.csv, column account, rows 2, 5: 'Account 0001', 'Account  0001' differ from another row's ",
        ("only in spaces", "keep one row per account"),
    ),
]

CASES = [*FILES, *HEADERS, *ROWS, *VALUES, *RULES, *REFERENCES]


def use(folder: Path) -> None:
    """Read and judge a dump, as the first assets of the graph do."""
    CsvFolder(folder, "test").take(*RAW_TABLES)


@pytest.mark.parametrize("case", CASES, ids=[case.claim for case in CASES])
def test_bad_input_is_told_in_one_sentence(case: Case, small_dump: Path) -> None:
    case.mutate(small_dump)
    with pytest.raises(case.error) as caught:
        use(small_dump)
    sentence = str(caught.value)
    assert sentence.startswith(case.begins)
    assert [part for part in case.says if part not in sentence[len(case.begins) :]] == []
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert len(sentence) < 500


def test_names_that_differ_in_case_blanks_and_punctuation_are_the_same(small_dump: Path) -> None:
    put(PIPELINE, 5, product="PRODUCT-A  pro", sales_agent="agent0001", account="account 0,001")(small_dump)
    raw = {name: one.rows for name, one in CsvFolder(small_dump, "test").take(*RAW_TABLES).items()}
    id_ = raw[PIPELINE.name]["opportunity_id"][3]
    table = opportunities(raw, "2022-10")
    deals = table.filter(pc.equal(table["opportunity_id"], id_)).to_pylist()[0]
    names = (deals["product"], deals["sales_agent"], deals["account"])
    assert names == ("Product A Pro", "Agent 0001", "Account 0001")


def test_a_bare_quotation_mark_inside_a_value_is_text(small_dump: Path) -> None:
    each(PLAIN, replace(TEAMS, b"Manager 0001", b'Manager 1" tall', 1))(small_dump)
    managers = CsvFolder(small_dump, "test").read(TEAMS)["manager"]
    assert managers[0].as_py() == 'Manager 1" tall'


def test_a_value_may_have_line_breaks_and_commas(small_dump: Path) -> None:
    address = "Suite 4, 1 Main Street,\r\nTown, Country"
    put(ACCOUNTS, 4, office_location=address)(small_dump)
    assert CsvFolder(small_dump, "test").read(ACCOUNTS)["office_location"][2].as_py() == address


def test_a_folder_that_cannot_be_opened_is_told_in_one_sentence(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 300)
    with pytest.raises(
        SourceUnavailableError, match="cannot be opened: File name too long; check CRM_DATA_DIR"
    ):
        CsvFolder(folder, "test").read(PIPELINE)


def test_a_file_in_place_of_the_folder_is_told_in_one_sentence(small_dump: Path) -> None:
    with pytest.raises(SourceUnavailableError, match=r"^sales_pipeline\.csv is not in .*; put it there"):
        CsvFolder(small_dump / ACCOUNTS.file_name, "test").read(PIPELINE)


def test_a_month_range_without_any_date_is_told_in_one_sentence(small_dump: Path) -> None:
    put(PIPELINE, *range(2, 902), deal_stage="Prospecting", engage_date="", close_date="", close_value="")(
        small_dump
    )
    with pytest.raises(BadInputError, match=r"sales_pipeline\.csv, column engage_date: no row has a date; "):
        CsvFolder(small_dump, "test").month_range()


def test_an_incomplete_download_that_is_kept_names_the_missing_file(small_dump: Path, tmp_path: Path) -> None:
    (tmp_path / "owner__name").symlink_to(small_dump)
    removed(PIPELINE)(small_dump)
    with pytest.raises(SourceUnavailableError, match=r"^sales_pipeline\.csv is not in "):
        KaggleDataset("owner/name", tmp_path, "test").read(PIPELINE)

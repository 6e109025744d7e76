"""Kinds of messy input: how to make a dump messy, and what the reader must say about it."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from openpyxl import Workbook

from crm_assets.crm.schema import RAW_ACCOUNTS as ACCOUNTS
from crm_assets.crm.schema import RAW_PRODUCTS as PRODUCTS
from crm_assets.crm.schema import RAW_SALES_PIPELINE as PIPELINE
from crm_assets.crm.schema import RAW_SALES_TEAMS as TEAMS
from crm_assets.crm.schema import RawTable
from crm_assets_tests.sources.test_bad_input import each, encoded, extend, put, replace
from crm_assets_tests.sources.test_csv_folder import (
    Mutation,
    Records,
    as_text,
    in_bytes,
    in_column,
    records,
    rewritten,
    tables_of,
)

DATES = ("engage_date", "close_date")
EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Kind:
    """A kind of messy input.

    Attributes:
        claim: what is messy.
        mutate: makes a dump messy.
        says: what a note about it says; None if there is nothing to say.
        before: what is done to the clean dump as well, so that there is something to get wrong.
        place: where the dump is after that, beside the folder; None for the folder.
    """

    claim: str
    mutate: Mutation
    says: str | None = None
    before: Mutation = lambda _: None
    place: str | None = None


@dataclass(frozen=True)
class Refusal:
    """A kind of messy input that nobody can read without asking, and the sentence about it."""

    claim: str
    mutate: Mutation
    begins: str
    says: str


def dates_as(write: Callable[[date], str], *names: str) -> Mutation:
    """Write all dates of the deals in another way."""

    def changed(text: str) -> str:
        return write(date.fromisoformat(text)) if text else ""

    return each(*(rewritten(in_column(name, changed), PIPELINE) for name in names or DATES))


def numbers_as(
    write: Callable[[float], str], table: RawTable = PIPELINE, name: str = "close_value"
) -> Mutation:
    """Write all numbers of a column in another way."""
    return rewritten(in_column(name, lambda text: write(float(text)) if text else ""), table)


def separated(sign: str) -> Mutation:
    def mutate(folder: Path) -> None:
        for table in tables_of(folder):
            text = as_text(records(folder, table))
            plain = "\n".join(
                sign.join(f'"{v}"' if sign in v else v for v in row) for row in records(folder, table)
            )
            assert text
            (folder / table.file_name).write_text(plain + "\n", encoding="utf-8")

    return mutate


def european(value: float) -> str:
    return f"{value:,.2f}".translate(str.maketrans(",.", ".,"))


def accountant(value: float) -> str:
    return f"({-value:,.2f})" if value < 0 else f"${value:,.2f}"


def above(table: RawTable, *lines: str) -> Mutation:
    return in_bytes(lambda data: "".join(f"{line}\n" for line in lines).encode() + data, table)


def moved(rename: Callable[[str], str]) -> Mutation:
    """Give the files other names."""

    def mutate(folder: Path) -> None:
        for table in tables_of(folder):
            (folder / table.file_name).rename(folder / rename(table.file_name))

    return mutate


def zipped(inside: str) -> Mutation:
    def mutate(folder: Path) -> None:
        with zipfile.ZipFile(folder.with_name("dump.zip"), "w", zipfile.ZIP_DEFLATED) as archive:
            for table in tables_of(folder):
                archive.write(folder / table.file_name, f"{inside}{table.file_name}")
            archive.writestr("__MACOSX/._accounts.csv", b"\0\5\x16\7")

    return mutate


def gzipped(folder: Path) -> None:
    for table in tables_of(folder):
        path = folder / table.file_name
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()


def _cells(rows: Records) -> list[list[object]]:
    """Return records with the types that a spreadsheet gives them."""

    def cell(name: str, text: str) -> object:
        if not text:
            return None
        if name in DATES:
            return date.fromisoformat(text)
        return float(text) if name in ("close_value", "sales_price", "revenue", "employees") else text

    header = rows[0]
    return [list(header), *([cell(n, v) for n, v in zip(header, row, strict=True)] for row in rows[1:])]


def workbooks(folder: Path) -> None:
    for table in tables_of(folder):
        book = Workbook(write_only=True)
        sheet = book.create_sheet("Sheet1")
        for row in _cells(records(folder, table)):
            sheet.append(row)
        book.save(folder / table.file_name.replace(".csv", ".xlsx"))
        (folder / table.file_name).unlink()


def one_workbook(folder: Path) -> None:
    book = Workbook(write_only=True)
    for table in tables_of(folder):
        sheet = book.create_sheet(table.file_name.removesuffix(".csv").replace("_", " ").title())
        for row in _cells(records(folder, table)):
            sheet.append(row)
    book.create_sheet("Notes").append(["made by hand"])
    book.save(folder.with_name("dump.xlsx"))


def damaged_products(folder: Path) -> None:
    (folder / "products.xlsx").write_bytes(b"PK\3\4 no more")


def accounts_twice(folder: Path) -> None:
    (folder / "ACCOUNTS.TXT").write_text("account\nA\n")
    (folder / "accounts.csv").rename(folder / "Accounts.csv")


ACCENTS = each(
    put(TEAMS, 3, manager="Ren\u00e9 M\u00fcller"), put(ACCOUNTS, 4, office_location="S\u00e3o Paulo")
)
CYRILLIC = put(TEAMS, 3, 4, manager="\u0418\u0432\u0430\u043d \u041f\u0435\u0442\u0440\u043e\u0432")
CZECH = put(TEAMS, 3, manager="P\u0159\u00edli\u0161 \u017dlu\u0165ou\u010dk\u00fd")

READ_RIGHT = [
    # Files and encodings
    Kind("UTF-8 with a mark", in_bytes(lambda data: b"\xef\xbb\xbf" + data), before=ACCENTS),
    Kind("UTF-16", each(*(encoded(t, "utf-16") for t in (TEAMS, PIPELINE))), "read as UTF-16", ACCENTS),
    Kind("UTF-16 without a mark", encoded(TEAMS, "utf-16-le"), "read as UTF-16-LE", ACCENTS),
    Kind("UTF-16, big end first", encoded(TEAMS, "utf-16-be"), "read as UTF-16-BE", ACCENTS),
    Kind("Windows-1252", encoded(TEAMS, "cp1252"), "read as Windows-1252", ACCENTS),
    Kind("Windows-1250", encoded(TEAMS, "cp1250"), "read as Windows-1250", CZECH),
    Kind("Windows-1251", encoded(TEAMS, "cp1251"), "read as Windows-1251", CYRILLIC),
    Kind("semicolons", separated(";"), "separates its columns by semicolons"),
    Kind("tabs", separated("\t"), "separates its columns by tabs"),
    Kind("bars", separated("|"), "separates its columns by bars"),
    Kind(
        "Excel's line that names the separator", each(separated(";"), above(TEAMS, "sep=;")), "by semicolons"
    ),
    Kind("a title and a blank line above the header", above(PIPELINE, "Deals of all years", "")),
    Kind("blank lines above the header", above(PIPELINE, "", "")),
    Kind("Windows line ends", in_bytes(lambda data: data.replace(b"\n", b"\r\n"))),
    Kind("old Mac line ends", in_bytes(lambda data: data.replace(b"\n", b"\r"))),
    Kind("a line break in a quoted value", each(), before=put(ACCOUNTS, 4, office_location="12, Main\nTown")),
    Kind("a line break in a name of the header", replace(TEAMS, b'"manager"', b'"manager\n"')),
    Kind("a separator at the end of each line", in_bytes(lambda data: data.replace(b"\n", b",\n"))),
    Kind("names of files in capitals", moved(str.upper)),
    Kind(
        "files with another ending",
        each(separated("\t"), moved(lambda name: name.replace(".csv", ".tsv"))),
        "tabs",
    ),
    Kind("packed files", gzipped),
    Kind("a zip archive", zipped(""), place="dump.zip"),
    Kind("a zip archive with a folder in it", zipped("export 2023/"), place="dump.zip"),
    Kind("a workbook for each table", workbooks),
    Kind("a workbook with a sheet for each table", one_workbook, place="dump.xlsx"),
    # Dates
    Kind("M/D/YYYY", dates_as(lambda d: f"{d.month}/{d.day}/{d.year}"), "is read as M/D/YYYY"),
    Kind("D/M/YYYY", dates_as(lambda d: f"{d.day}/{d.month}/{d.year}"), "is read as D/M/YYYY"),
    Kind("D.M.YYYY", dates_as(lambda d: f"{d.day}.{d.month}.{d.year}"), "is read as D.M.YYYY"),
    Kind("DD.MM.YY", dates_as(lambda d: f"{d:%d.%m.%y}"), "is read as D.M.YY"),
    Kind("DD-MM-YY", dates_as(lambda d: f"{d:%d-%m-%y}"), "is read as D-M-YY"),
    Kind("YY-MM-DD", dates_as(lambda d: f"{d:%y-%m-%d}"), "is read as YY-M-D"),
    Kind("YYYY/MM/DD", dates_as(lambda d: f"{d:%Y/%m/%d}")),
    Kind("YYYYMMDD", dates_as(lambda d: f"{d:%Y%m%d}")),
    Kind("DD-Mon-YYYY", dates_as(lambda d: f"{d:%d-%b-%Y}")),
    Kind("names of months", dates_as(lambda d: f"{d:%B} {d.day}, {d.year}")),
    Kind("time stamps of a database", dates_as(lambda d: f"{d} 05:00:00+00")),
    Kind("time stamps of an API", dates_as(lambda d: f"{d}T23:59:59.000Z")),
    Kind(
        "time stamps of a web page", dates_as(lambda d: f"{d.month}/{d.day}/{d.year} 5:07 PM"), "as M/D/YYYY"
    ),
    Kind("milliseconds", dates_as(lambda d: str((d - EPOCH) // timedelta(milliseconds=1)))),
    Kind("Excel's numbers of days", dates_as(lambda d: str((d - date(1899, 12, 30)).days))),
    Kind(
        "days and time stamps in one column", dates_as(lambda d: f"{d}{'T10:00:00Z' if d.day > 15 else ''}")
    ),
    Kind(
        "a column that only the other one decides",
        each(
            dates_as(lambda d: f"{d.day}/{d.month}/{d.year}", "engage_date"),
            dates_as(lambda d: f"{d.day}/{d.month}/{d.year}", "close_date"),
        ),
        "engage_date: is read as D/M/YYYY, like the other dates of the file",
        before=dates_as(lambda d: str(d.replace(day=min(d.day, 12))), "engage_date"),
    ),
    # Numbers
    Kind("$1,200.00", numbers_as(accountant)),
    Kind("1.200,00 \u20ac", numbers_as(lambda v: f"{european(v)} \u20ac"), "is read like 1.234,5"),
    Kind("EUR 1.200,00", numbers_as(lambda v: f"EUR {european(v)}"), "is read like 1.234,5"),
    Kind(
        "1 200,5", numbers_as(lambda v: f"{v:,.1f}".replace(",", "\u202f").replace(".", ",")), "like 1.234,5"
    ),
    Kind("1'200.00", numbers_as(lambda v: f"{v:,.2f}".replace(",", "'"))),
    Kind(
        "1.200 beside 1.200,50",
        numbers_as(lambda v: european(v).removesuffix(",00"), ACCOUNTS, "revenue"),
        "like 1.234,5",
    ),
    Kind(
        "1,200 in a price list",
        numbers_as(lambda v: f"{v:,.0f}", PRODUCTS, "sales_price"),
        "commas divide thousands",
    ),
    Kind("12,0E2", numbers_as(lambda v: f"{v:.10E}", PRODUCTS, "sales_price")),
    Kind("words for nothing", replace(PIPELINE, b",,\n", b",N/A,-\n")),
    # Names
    Kind(
        "letters and marks apart",
        replace(TEAMS, "\u00e9".encode(), "e\u0301".encode()),
        before=put(TEAMS, 3, manager="Ren\u00e9"),
    ),
    Kind("blanks that nobody sees", replace(TEAMS, b'"Agent 0002"', '"\ufeffAgent 0002\u200b "'.encode())),
    Kind(
        "ids that are numbers",
        each(),
        before=rewritten(
            lambda rows: [rows[0], *([str(n), *r[1:]] for n, r in enumerate(rows[1:]))], PIPELINE
        ),
    ),
    Kind(
        "ids of 18 characters",
        each(),
        before=rewritten(
            lambda rows: [rows[0], *([f"0061A00000{r[0]}", *r[1:]] for r in rows[1:])], PIPELINE
        ),
    ),
]

TOLD = [
    Refusal(
        "day and month that nothing decides",
        dates_as(lambda d: f"{1 + d.day % 12}/{d.month}/{d.year}"),
        "sales_pipeline.csv, column engage_date: reads as M/D/YYYY and as D/M/YYYY in every row, ",
        "; write it as YYYY-MM-DD, or say in the mapping how it is written.",
    ),
    Refusal(
        "a column with both orders",
        dates_as(lambda d: f"{d.day}/{d.month}/{d.year}" if d.day % 2 else f"{d.month}/{d.day}/{d.year}"),
        "sales_pipeline.csv, column engage_date: mixes day and month: it reads ",
        "values only as D/M/YYYY, for example ",
    ),
    Refusal(
        "a point that may be either",
        numbers_as(lambda v: "1.200", PRODUCTS, "sales_price"),
        "products.csv, column sales_price: may have a point before decimals or between thousands, ",
        "for example '1.200'; write plain digits with a point before decimals",
    ),
    Refusal(
        "both decimal signs",
        numbers_as(lambda v: f"{v:.2f}" if v % 2 else f"{v:.2f}".replace(".", ","), ACCOUNTS, "employees"),
        "accounts.csv, column employees: mixes decimal signs: it reads ",
        "values only like 1.234,5",
    ),
    Refusal(
        "several currencies",
        numbers_as(lambda v: f"${v}" if v > 1000 else f"\u20ac{v}"),
        "sales_pipeline.csv, column close_value: has amounts in several currencies ($, \u20ac)",
        "write plain digits",
    ),
    Refusal(
        "dates in an unknown form",
        dates_as(lambda d: f"week {d.isocalendar().week} of {d.year}"),
        "sales_pipeline.csv: 835 of 900 (92.8%) rows cannot be used, ",
        "column engage_date, rows 2, 3, 4, 5, 6 and 830 more: 'week 39 of 2022', ",
    ),
    Refusal(
        "a file that is no text",
        in_bytes(lambda _: bytes(range(256)) * 9, TEAMS),
        "sales_teams.csv, row 1: not UTF-8 text; ",
        "save the file as CSV",
    ),
    Refusal(
        "a damaged workbook",
        each(workbooks, damaged_products),
        "products.xlsx is not a readable workbook; ",
        "save it again",
    ),
    Refusal(
        "two files that could be meant",
        accounts_twice,
        "ACCOUNTS.TXT, Accounts.csv: each of them could be accounts; ",
        "keep one of them",
    ),
    Refusal(
        "many rows of other fields than the header",
        each(*(extend(PIPELINE, row, ",more") for row in range(2, 60))),
        "sales_pipeline.csv: 58 of 900 (6.4%) rows cannot be used, ",
        "as_many_fields_as_the_header: 58 rows",
    ),
]

"""Exports as other people write them, and what comes of each."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from openpyxl import Workbook

from crm_assets_tests.sources.mapping.small import HEADER, PLAIN, SALESFORCE

Files = dict[str, str | bytes]
JAN, FEB, MAR = date(2024, 1, 5), date(2024, 2, 6), date(2024, 3, 7)
WON, LOST, OPEN = (
    "1,Won,2024-01-05,2024-02-06,10\n",
    "2,Lost,2024-01-05,2024-02-06,9\n",
    "3,Demo,2024-01-05,,8\n",
)
ALL = WON + LOST + OPEN
SF = SALESFORCE.replace("\n", ",Probability\n")
SF_WON = "006A00000000001,Closed Won,true,true,2024-01-05,2024-02-06,100,005A,100\n"
SF_OPEN = "006A00000000003,Qualification,false,false,2024-01-07,2024-05-08,80,005B,20\n"
CURRENCY = PLAIN.replace("close_value:", "currency: cur, close_value:")


def dated(*texts: str) -> Files:
    """Return deals that were created on days as written."""
    return {
        "deals.csv": HEADER.replace(",", ";") + "".join(f"{at};Demo;{t};;1\n" for at, t in enumerate(texts))
    }


def with_amounts(*texts: str, header: str = HEADER) -> Files:
    rows = "".join(f"{at},Demo,2024-01-05,,{text}\n" for at, text in enumerate(texts))
    return {"deals.csv": header + rows}


def flagged(closed: str, won: str, stage: str = "Closed Won") -> Files:
    return {
        "Opportunity.csv": SF + f"006A00000000009,{stage},{closed},{won},2024-01-05,2024-02-06,1,005A,100\n"
    }


@dataclass(frozen=True)
class Case:
    """An export and what comes of it.

    Attributes:
        files: texts or bytes by file name, or a function that writes files into a folder, giving their place.
        mapping: a preset or the text of a mapping.
        columns: the columns to look at.
        rows: what they hold.
        says: what a note or the message says; empty if there is nothing to say.
        settings: environment variables.
    """

    files: Files | Callable[[Path], Path]
    mapping: str = PLAIN
    columns: tuple[str, ...] = ("deal_stage",)
    rows: list[Any] | None = None
    says: str = ""
    settings: dict[str, str] | None = None


def sheets(**tables: Sequence[Sequence[object]]) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        book = Workbook()
        book.remove(book.worksheets[0])
        for name, rows in tables.items():
            sheet = book.create_sheet(name)
            for row in rows:
                sheet.append(row)
        book.save(folder / "export.xlsx")
        return folder

    return write


def archive(*names: str, inside: bool = False) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        with zipfile.ZipFile(folder / "export.zip", "w") as packed:
            for name in names:
                packed.writestr(name, HEADER + ALL)
        return folder if inside else folder / "export.zip"

    return write


def deeper(folder: Path) -> Path:
    (folder / "export of May").mkdir()
    (folder / "export of May" / "deals.csv").write_text(HEADER + ALL)
    return folder


def two_folders(folder: Path) -> Path:
    for name in ("old", "new"):
        (folder / name).mkdir()
    return folder


GRID = [HEADER.strip().split(","), *([text or None for text in row.split(",")] for row in ALL.splitlines())]
THREE_STAGES = ["Won", "Lost", "Engaging"]
SAME_DAY = ("created_date",)

READ = {
    # Dates
    "German months": Case(dated("5. Januar 2024", "7. März 2024"), columns=SAME_DAY, rows=[JAN, MAR]),
    "French months": Case(dated("5 janv. 2024", "6 févr. 2024"), columns=SAME_DAY, rows=[JAN, FEB]),
    "Spanish months": Case(
        dated("5 de enero de 2024", "7 de marzo de 2024"), columns=SAME_DAY, rows=[JAN, MAR]
    ),
    "Polish months": Case(dated("5 stycznia 2024", "7 marca 2024"), columns=SAME_DAY, rows=[JAN, MAR]),
    "Russian months": Case(dated("5 января 2024", "7 марта 2024"), columns=SAME_DAY, rows=[JAN, MAR]),
    "Japanese dates": Case(dated("2024年1月5日", "2024年3月7日 10:00"), columns=SAME_DAY, rows=[JAN, MAR]),
    "Korean dates": Case(dated("2024년 1월 5일", "2024년 3월 7일"), columns=SAME_DAY, rows=[JAN, MAR]),
    "blanks after the points": Case(dated("2024. 01. 05.", "2024. 3. 7."), columns=SAME_DAY, rows=[JAN, MAR]),
    "days of the week": Case(
        dated("Friday, January 5, 2024", "Thu, March 7, 2024"), columns=SAME_DAY, rows=[JAN, MAR]
    ),
    "Arabic digits": Case(
        dated("\u0662\u0660\u0662\u0664-\u0660\u0661-\u0660\u0665"), columns=SAME_DAY, rows=[JAN]
    ),
    "signs that set the direction": Case(
        {"deals.csv": HEADER + "\u200e3\u200f,Demo\u200e,\u202a2024-01-05\u202c,,\u200e8\n"},
        columns=("opportunity_id", "created_date", "amount"),
        rows=[("3", JAN, 8.0)],
    ),
    "a close over midnight and the end of a month": Case(
        {"deals.csv": HEADER + "1,Won,2024-01-31T23:30:00Z,2024-02-29T23:30:00.000+0000,10\n"},
        PLAIN + "formats: {time_zone: Europe/Berlin}\n",
        ("created_date", "close_date"),
        [(date(2024, 2, 1), date(2024, 3, 1))],
    ),
    "a date format in the words of people": Case(
        dated("05/01/2024"), PLAIN + "formats: {dates: dd/mm/yyyy}\n", SAME_DAY, [JAN]
    ),
    # Truth values and stages
    "yes in French": Case(flagged("Oui", "Oui"), "salesforce", rows=["Won"]),
    "no in Polish": Case(flagged("tak", "nie", "Closed Lost"), "salesforce", rows=["Lost"]),
    "boxes": Case(flagged("Checked", "Unchecked", "Closed Lost"), "salesforce", rows=["Lost"]),
    "stages that contradict the columns": Case(
        flagged("true", "false"),
        "salesforce",
        rows=["Lost"],
        says="1 deals are in a stage that means something else than the columns of the "
        "outcome say: 'Closed Won' (1)",
    ),
    "a status that nobody knows": Case(
        {
            "deals.csv": "id,status,stage_id,add_time,won_time,value\n1,won,1,2024-01-05,2024-02-06,1\n"
            "2,archived,1,2024-01-05,,1\n3,open,1,2024-01-05,,1\n"
        },
        "pipedrive",
        rows=["Won", "Engaging", "Engaging"],
        says="column status: deals with 'archived' (1), 'open' (1) count as open, since only won, lost close",
    ),
    "a stage that the user moves to another list": Case(
        {"Opportunity.csv": SF.replace("IsClosed,IsWon", "a,b") + SF_OPEN},
        "preset: salesforce\nstages: {lost: [Closed Lost, Qualification]}\n",
        rows=["Lost"],
    ),
    "stages of a pipeline that is left out": Case(
        {
            "deals.csv": HEADER.replace("\n", ",pipe\n")
            + "1,Won,2024-01-05,2024-02-06,1,new\n2,Renewed,2024-01-05,,1,old\n"
        },
        PLAIN.replace("deals:\n", "deals:\n  keep: {pipe: new}\n"),
        rows=["Won"],
        says="deals.csv: 1 deals are left out: pipe is not new.",
    ),
    "a row of totals": Case(
        sheets(
            deals=[
                ["Deals of the year", None],
                [None],
                *GRID,
                *([f"x{at}", "Demo", "2024-01-05", None, 1] for at in range(30)),
                ["Total", None, None, None, 57],
            ]
        ),
        rows=[*THREE_STAGES, *["Engaging"] * 30],
        says="1 rows have no stage and cannot be used; `stages: {empty: open}` in crm.yaml counts such deals",
    ),
    # Ids
    "ids of 15 and 18 characters, whatever the preset": Case(
        {
            "deals.csv": HEADER.replace("\n", ",who\n") + "1,Demo,2024-01-05,,1,0055g00000AbCdE\n",
            "people.csv": "Id,Name\n0055g00000AbCdEAAV,Ann\n",
        },
        PLAIN.replace("amount:", "sales_agent: {table: teams, id: who}, amount:").replace(
            "files: {", "files: {people: people, "
        )
        + "teams: {file: people, id: Id, columns: {sales_agent: Name}}\n",
        ("sales_agent",),
        ["Ann"],
    ),
    "the same deal by both of its ids": Case(
        {"Opportunity.csv": SF + SF_WON.replace("006A00000000001", "0065g00000AbCdE")},
        "salesforce",
        ("opportunity_id",),
        ["0065g00000AbCdEAAV"],
    ),
    "owners that the file of people lacks": Case(
        {"Opportunity.csv": SF + SF_WON + SF_OPEN, "User.csv": "Id,Name\n005B,Bob\n"},
        "salesforce",
        ("sales_agent",),
        ["005A", "Bob"],
        says="Opportunity.csv, column OwnerId: 1 of 2 values are not in User.csv: '005A' (1)",
    ),
    "deals without an owner": Case(
        {"Opportunity.csv": SF + SF_WON.replace("005A", "")}, "salesforce", ("sales_agent",), ["unassigned"]
    ),
    # Money
    "currencies as signs and names": Case(
        {
            "deals.csv": HEADER.replace("\n", ",cur\n")
            + "1,Demo,2024-01-05,,10,€\n2,Demo,2024-01-05,,10,US Dollar\n"
        },
        CURRENCY + "money: {currency: USD, rates: {Euro: 1.5}}\n",
        ("amount", "currency"),
        [(15.0, "USD"), (10.0, "USD")],
    ),
    "currencies beside the amounts": Case(
        with_amounts("$10", "€10", "10"),
        PLAIN + "money: {currency: USD, rates: {EUR: 1.5}}\n",
        ("amount",),
        [10.0, 15.0, 10.0],
    ),
    "one currency beside the amounts": Case(
        with_amounts("£10", '"£1,000.50"'),
        columns=("amount", "currency"),
        rows=[(10.0, "GBP"), (1000.5, "GBP")],
    ),
    "Indian grouping": Case(with_amounts('"₹12,50,000.00"'), columns=("amount",), rows=[1250000.0]),
    "amounts of nothing": Case(with_amounts("0", "0.00"), columns=("amount",), rows=[0.0, 0.0]),
    "negative amounts": Case(
        with_amounts("-5", "(300)", "7"),
        columns=("amount",),
        rows=[None, None, 7.0],
        says="column worth (amount), rows 2, 3: '-5', '(300)' are negative; correct the number.",
    ),
    "a probability as a share": Case(
        {"Opportunity.csv": SF + SF_WON[:-4] + "1\n" + SF_OPEN[:-3] + "0.2\n"},
        "salesforce",
        ("crm_probability",),
        [1.0, 0.2],
    ),
    "a probability above 1": Case(
        {"Opportunity.csv": SF + SF_WON[:-4] + "1000\n" + SF_OPEN},
        "salesforce",
        ("crm_probability",),
        [None, 0.2],
        says="Probability (crm_probability), row 2: '1000' is out of range for a share; enter "
        "a share from 0 to 1",
    ),
    # Files
    "UTF-16 with semicolons": Case(
        {"deals.csv": (HEADER + ALL).replace(",", ";").encode("utf-16")},
        rows=THREE_STAGES,
        says="read as UTF-16",
    ),
    "a web page that is called a workbook": Case(
        {
            "deals.xls": "<html><body><table><tr><th colspan=5>Deals of the year</th></tr><tr>"
            + "".join(f"<th>{name}</th>" for name in GRID[0])
            + "</tr>"
            + "".join(
                f"<tr>{''.join(f'<td>{text or chr(160)}</td>' for text in row)}</tr>" for row in GRID[1:]
            )
            + "</table></body></html>"
        },
        columns=("deal_stage", "amount"),
        rows=[("Won", 10.0), ("Lost", 9.0), ("Engaging", 8.0)],
    ),
    "a text that is called a workbook": Case(
        {"deals.xls": (HEADER + ALL).replace(",", "\t")}, rows=THREE_STAGES, says="by tabs"
    ),
    "False in place of nothing": Case(
        {
            "crm.lead.csv": "id,stage_id,active,probability,expected_revenue,create_date,date_closed,"
            "user_id\n"
            "1,Won,True,100.0,10,2024-01-05,2024-02-06,Ann\n2,New,False,0.0,20,2024-01-05,2024-02-06,False\n"
            "3,New,True,30.0,20,2024-01-05,False,Bob\n"
        },
        "odoo",
        ("deal_stage", "sales_agent", "close_date"),
        [("Won", "Ann", FEB), ("Lost", "unassigned", FEB), ("Engaging", "Bob", None)],
    ),
    "a workbook with other sheets": Case(
        sheets(Summary=[["Won", 1]], deals=GRID, Notes=[["made by hand"]]), rows=THREE_STAGES
    ),
    "an archive with folders": Case(archive("a/b/deals.csv"), rows=THREE_STAGES),
    "an archive in the folder": Case(archive("deals.csv", inside=True), rows=THREE_STAGES),
    "a folder in the folder": Case(deeper, rows=THREE_STAGES),
    "a column twice": Case(
        {"deals.csv": "id,stage,made,ended,worth,worth\n1,Demo,2024-01-05,,1,USD\n"},
        columns=("amount",),
        rows=[1.0],
        says="deals.csv, column worth: appears 2 times in the header; the first counts",
    ),
    "no files of people, products or accounts": Case(
        {"Opportunity.csv": SF + SF_OPEN}, "salesforce", ("sales_agent", "stage_position"), [("005B", 2)]
    ),
    "an expected date in the past": Case(
        {"Opportunity.csv": SF + SF_OPEN.replace("2024-05-08", "1999-05-08")},
        "salesforce",
        ("expected_close_date",),
        [date(1999, 5, 8)],
    ),
    "the engage date from a history of stages": Case(
        {
            "deals.csv": HEADER + ALL,
            "history.csv": "deal,new,at\n3,Offer,2024-01-20T10:00:00Z\n3,Demo,2024-01-08T12:00:00Z\n"
            "3,Demo,2024-01-08T09:00:00Z\n1,Offer,2024-01-09T09:00:00Z\n2,Call,2024-01-09T09:00:00Z\n",
        },
        PLAIN.replace("files: {", "files: {history: history, ").replace(
            "amount:",
            "engage_date: {file: history, id: id, its: deal, where: {new: [Demo, Offer]}, by: at, "
            "pick: smallest, take: at}, amount:",
        ),
        ("engage_date",),
        [date(2024, 1, 9), None, date(2024, 1, 8)],
    ),
}

TOLD = {
    "truth values that nobody knows": Case(
        flagged("Abgehakt", "Abgehakt"),
        "salesforce",
        says="Opportunity.csv, column IsWon: 'Abgehakt' (1) is neither true nor false. Say in a crm.yaml",
    ),
    "a stage in two lists": Case(
        {"deals.csv": HEADER + ALL},
        PLAIN.replace("lost: Lost", "lost: [Lost, won]"),
        says="crm.yaml, stages: 'won' is in both won and lost; keep it in one of them.",
    ),
    "stages in another language": Case(
        {"deals.csv": HEADER + ALL.replace("Demo", "Angebot")},
        says="deals.csv: stages without a meaning in crm.yaml: 'Angebot' (1). It knows Demo, "
        "Offer, Won, Lost. Add",
    ),
    "many deals without a stage": Case(
        {"deals.csv": HEADER + ALL.replace("Demo", "")},
        says="deals.csv: stages without a meaning in crm.yaml: empty (1).",
    ),
    "deals that closed on no day": Case(
        {"deals.csv": HEADER + "1,Won,2024-01-05,,10\n2,Lost,2024-01-05,,1\n3,Demo,2024-01-05,,1\n"},
        says="2 rows, column ended (close_date), rows 2, 3: empty although the deal is Won or "
        "Lost; fill in the day",
    ),
    "no column of the close": Case(
        {"deals.csv": HEADER.replace("ended", "x") + ALL},
        PLAIN.replace("close_date: {column: ended, when: closed}, ", ""),
        says="deals.csv: nothing says when deals were won or lost. The mapping looks for "
        "nothing; the file has id, ",
    ),
    "a sign against the currency": Case(
        with_amounts("€10"),
        PLAIN + "money: {currency: USD}\n",
        says="deals.csv: amounts are in 'EUR' (1), and crm.yaml has no rate for EUR. Write "
        "what one unit is worth",
    ),
    "a file that the mapping names and nobody put there": Case(
        {"deals.csv": HEADER + ALL},
        PLAIN.replace("files: {", "files: {people: Staff, ")
        + "teams: {file: people, id: Id, columns: {sales_agent: Name}}\n",
        says="crm.yaml, files: people: no file in ",
    ),
    "the same file in two folders": Case(
        archive("2023/deals.csv", "2024/deals.csv"),
        says="2023/deals.csv, 2024/deals.csv: each of these files could be deals; keep one of them",
    ),
    "two folders in the folder": Case(
        two_folders,
        says="has no CSV file and no workbook, but new, old; set CRM_DATA_DIR to the right one of them.",
    ),
    "amounts in thousands": Case(
        with_amounts("10K", "1.5M"),
        says="column worth (amount), rows 2, 3: '10K', '1.5M' cannot be read as a number; "
        "write numbers like 1,234.5",
    ),
    "weeks": Case(
        dated("2024-W05", "2024-W06"), says="'2024-W05', '2024-W06' cannot be read as a date; write real"
    ),
    "contradicting rows of one deal": Case(
        {"deals.csv": HEADER + WON + "1,Lost,2024-01-05,2024-02-07,5\n" + OPEN},
        says="column id (opportunity_id), rows 2, 3: '1' appears more than once; keep one row "
        "per opportunity_id",
    ),
    "rows of other fields than the header": Case(
        {"deals.csv": HEADER + "1,Won,2024-01-05,2024-02-06,1,200\n" + OPEN},
        says="1 of 2 (50.0%) rows cannot be used, more than CRM_MAX_BAD_SHARE=0.05 allows. "
        "as_many_fields_as_the_",
    ),
    "a history without the column of its ids": Case(
        {"deals.csv": HEADER + ALL, "history.csv": "deal,at\n3,2024-01-20\n"},
        PLAIN.replace("files: {", "files: {history: history, ").replace(
            "amount:",
            "engage_date: {file: history, id: id, its: deal_id, take: at}, amount:",
        ),
        says="deals: columns: engage_date: deal_id is not in history.csv, which has deal, at. Correct",
    ),
    "a history without the column of its condition": Case(
        {"deals.csv": HEADER + ALL, "history.csv": "deal,at\n3,2024-01-20\n"},
        PLAIN.replace("files: {", "files: {history: history, ").replace(
            "amount:",
            "engage_date: {file: history, id: id, its: deal, where: {new: Demo}, take: at}, amount:",
        ),
        says="history.csv: no column new, which the mapping names under where; the file has "
        "deal, at. Correct",
    ),
}

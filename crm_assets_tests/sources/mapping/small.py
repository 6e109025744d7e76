"""Small files of a few deals, and helpers to look at what becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from crm_assets_tests.sources.mapping.conftest import Taken

Put = Callable[..., Path]
Write = Callable[[str], Path]

SALESFORCE = "Id,StageName,IsClosed,IsWon,CreatedDate,CloseDate,Amount,OwnerId\n"
WON = "006A00000000001,Closed Won,true,true,2024-01-05,2024-02-06,100,005A\n"
LOST = "006A00000000002,Closed Lost,true,false,2024-01-06,2024-02-07,90,005A\n"
OPEN = "006A00000000003,Qualification,false,false,2024-01-07,2024-05-08,80,005B\n"
THREE = SALESFORCE + WON + LOST + OPEN

GENERIC = "preset: none\nfiles: {deals: deals}\nstages: {open: [Demo, Offer], won: Won, lost: Lost}\n"
COLUMNS = "opportunity_id: id, created_date: made, close_date: {column: ended, when: closed}, amount: worth"
PLAIN = (
    f"{GENERIC}deals:\n  stage: stage\n  columns: {{{COLUMNS}, close_value: {{column: worth, when: won}}}}\n"
)
HEADER = "id,stage,made,ended,worth\n"


def deals(taken: Taken, *columns: str) -> list[Any]:
    rows = taken["raw_sales_pipeline"].rows.select(list(columns)).to_pylist()
    return [row[columns[0]] if len(columns) == 1 else tuple(row.values()) for row in rows]


def notes(taken: Taken) -> str:
    return " ".join(note for sifted in taken.values() for note in sifted.notes)

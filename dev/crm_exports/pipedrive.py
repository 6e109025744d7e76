"""The files that Pipedrive exports."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

from dev.crm_exports.company import STAGES, Company
from dev.crm_exports.writers import Style, deals_of, iso, short, table

STYLE = Style("utf-8", ",", csv.QUOTE_MINIMAL, lambda day: f"{day} 10:30:00", iso, short, ("N", "Y"))


def write(company: Company, folder: Path) -> None:
    """Write what the API gives: ids as numbers, time stamps in UTC."""
    put = STYLE.write

    def stamped(day: date | None) -> str | None:
        return None if day is None else STYLE.stamp(day)

    put(
        folder / "deals.csv",
        [
            "id",
            "title",
            "value",
            "currency",
            "status",
            "stage_id",
            "user_id",
            "owner_name",
            "org_id",
            "add_time",
            "won_time",
            "lost_time",
            "close_time",
            "expected_close_date",
            "probability",
            "deleted",
        ],
        [
            [
                d.at + 1,
                f"Deal {d.at}",
                d.amount,
                "USD",
                "won" if d.won else "lost" if d.lost else "open",
                40 + (3 if d.is_closed else d.stage),
                100 + d.agent,
                company.agents["name"][d.agent],
                None if d.account < 0 else 200 + d.account,
                STYLE.stamp(d.created),
                stamped(d.closed if d.won else None),
                stamped(d.closed if d.lost else None),
                stamped(d.closed),
                d.expected,
                round(d.chance * 100),
                False,
            ]
            for d in deals_of(company)
        ],
    )
    put(
        folder / "users.csv",
        ["id", "name", "active_flag"],
        [[100 + at, a["name"], True] for at, a in enumerate(table(company.agents))],
    )
    put(
        folder / "organizations.csv",
        ["id", "name", "industry", "address_country"],
        [[200 + at, a["name"], a["sector"], a["country"]] for at, a in enumerate(table(company.accounts))],
    )
    put(
        folder / "deal_products.csv",
        ["id", "deal_id", "product_id", "name", "quantity", "sum"],
        [
            [d.at, d.at + 1, 300 + d.product, company.products["name"][d.product], 1, d.amount]
            for d in deals_of(company)
        ],
    )
    put(
        folder / "products.csv",
        ["id", "name", "category", "price"],
        [[300 + at, p["name"], p["series"], p["price"]] for at, p in enumerate(table(company.products))],
    )
    put(
        folder / "stages.csv",
        ["id", "name", "order_nr"],
        [[40 + at, name, at + 1] for at, name in enumerate(STAGES)],
    )

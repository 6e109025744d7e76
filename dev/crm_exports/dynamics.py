"""The files that Dynamics 365 exports."""

from __future__ import annotations

import csv
from pathlib import Path

from dev.crm_exports.company import Company
from dev.crm_exports.writers import Style, deals_of, german, german_amount, guid, table

STYLE = Style(
    "cp1252",
    ";",
    csv.QUOTE_MINIMAL,
    lambda day: f"{german(day)} 10:30",
    german,
    german_amount,
    ("Nein", "Ja"),
)


def write(company: Company, folder: Path) -> None:
    """Write what a German Excel saves: labels, semicolons, Windows-1252, days with points, decimal commas."""
    put = STYLE.write
    put(
        folder / "All Opportunities 02.01.2024 09-15-00.csv",
        [
            "(Do Not Modify) Opportunity",
            "(Do Not Modify) Row Checksum",
            "Topic",
            "Account",
            "Owner",
            "Status",
            "Pipeline Phase",
            "Est. Close Date",
            "Actual Close Date",
            "Est. Revenue",
            "Actual Revenue",
            "Currency",
            "Probability",
            "Created On",
        ],
        [
            [
                f"{{{guid(1, d.at).upper()}}}",
                "x1",
                f"Deal {d.at}",
                None if d.account < 0 else company.accounts["name"][d.account],
                company.agents["name"][d.agent],
                "Won" if d.won else "Lost" if d.lost else "Open",
                None if d.is_closed else d.stage_name,
                d.end,
                d.closed,
                d.amount,
                d.amount if d.won else None,
                "USD",
                round(d.chance * 100),
                STYLE.stamp(d.created),
            ]
            for d in deals_of(company)
        ],
    )
    put(
        folder / "accounts.csv",
        ["accountid", "name", "industrycodename", "address1_country", "parentaccountid"],
        [
            [
                guid(2, at),
                a["name"],
                a["sector"],
                a["country"],
                None if a["parent"] < 0 else guid(2, a["parent"]),
            ]
            for at, a in enumerate(table(company.accounts))
        ],
    )
    put(
        folder / "systemusers.csv",
        ["systemuserid", "fullname"],
        [[guid(3, at), a["name"]] for at, a in enumerate(table(company.agents))],
    )
    put(
        folder / "opportunityproducts.csv",
        ["opportunityproductid", "opportunityid", "productid", "quantity", "extendedamount"],
        [[guid(4, d.at), guid(1, d.at), guid(5, d.product), 1, d.amount] for d in deals_of(company)],
    )
    put(
        folder / "products.csv",
        ["productid", "name", "parentproductidname", "price"],
        [[guid(5, at), p["name"], p["series"], p["price"]] for at, p in enumerate(table(company.products))],
    )

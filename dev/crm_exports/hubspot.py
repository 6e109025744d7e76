"""The files that HubSpot exports."""

from __future__ import annotations

import csv
from pathlib import Path

from dev.crm_exports.company import LOST_STAGE, STAGES, WON_STAGE, Company
from dev.crm_exports.writers import Style, cents, deals_of, iso, table

STYLE = Style("utf-8-sig", ",", csv.QUOTE_ALL, lambda day: f"{day} 10:30", iso, cents, ("false", "true"))


def write(company: Company, folder: Path) -> None:
    """Write what the browser exports: labels as headers, names in place of owners, ids of companies."""
    put = STYLE.write
    put(
        folder / "hubspot-crm-exports-all-deals-2024-01-02.csv",
        [
            "Record ID",
            "Deal Name",
            "Deal Stage",
            "Pipeline",
            "Amount",
            "Close Date",
            "Create Date",
            "Deal owner",
            "Associated Company IDs",
            "Associated Company",
            "Is Deal Closed?",
            "Is Closed Won",
            "Deal probability",
            "Currency",
        ],
        [
            [
                9_000_000_000 + d.at,
                f"Deal {d.at}",
                d.stage_name,
                None,
                d.amount,
                STYLE.stamp(d.end),
                STYLE.stamp(d.created),
                company.agents["name"][d.agent],
                None if d.account < 0 else f"{7_000_000_000 + d.account};{7_000_000_000}",
                None if d.account < 0 else company.accounts["name"][d.account],
                d.is_closed,
                d.won,
                f"{d.chance:g}",
                "USD",
            ]
            for d in deals_of(company)
        ],
    )
    put(
        folder / "hubspot-crm-exports-all-companies-2024-01-02.csv",
        ["Record ID", "Company name", "Industry", "Country/Region", "Parent company ID"],
        [
            [
                7_000_000_000 + at,
                a["name"],
                a["sector"],
                a["country"],
                None if a["parent"] < 0 else 7_000_000_000 + a["parent"],
            ]
            for at, a in enumerate(table(company.accounts))
        ],
    )
    put(
        folder / "owners.csv",
        ["id", "email", "firstName", "lastName"],
        [[500 + at, f"agent{at}@example.com", None, a["name"]] for at, a in enumerate(table(company.agents))],
    )
    put(
        folder / "line_items.csv",
        ["Record ID", "Name", "Product ID", "Associated Deal IDs", "Amount", "Quantity"],
        [
            [
                3_000_000 + d.at,
                company.products["name"][d.product],
                600 + d.product,
                9_000_000_000 + d.at,
                d.amount,
                1,
            ]
            for d in deals_of(company)
        ],
    )
    put(
        folder / "products.csv",
        ["Record ID", "Name", "Folder", "Unit price"],
        [[600 + at, p["name"], p["series"], p["price"]] for at, p in enumerate(table(company.products))],
    )
    put(
        folder / "deal_pipeline_stages.csv",
        ["stage_id", "label", "display_order", "is_closed", "closed_won"],
        [
            *([f"st{at}", name, at, False, False] for at, name in enumerate(STAGES)),
            ["stwon", WON_STAGE, 8, True, True],
            ["stlost", LOST_STAGE, 9, True, False],
        ],
    )

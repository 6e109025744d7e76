"""The files that Salesforce exports."""

from __future__ import annotations

import csv
from pathlib import Path

from dev.crm_exports.company import LOST_STAGE, STAGES, WON_STAGE, Company
from dev.crm_exports.writers import Style, cents, deals_of, iso, salesforce_id, table

STYLE = Style("utf-8", ",", csv.QUOTE_ALL, lambda day: f"{day}T10:30:00.000Z", iso, cents, ("false", "true"))


def write(company: Company, folder: Path) -> None:
    """Write what Data Loader exports: one file per object, ids of 18 characters, some of 15."""
    put, sid = STYLE.write, salesforce_id
    put(
        folder / "Opportunity.csv",
        [
            "Id",
            "IsDeleted",
            "AccountId",
            "Name",
            "StageName",
            "Amount",
            "Probability",
            "CloseDate",
            "IsClosed",
            "IsWon",
            "OwnerId",
            "CreatedDate",
            "CurrencyIsoCode",
        ],
        [
            [
                sid("006", d.at),
                False,
                None if d.account < 0 else sid("001", d.account),
                f"Deal {d.at}",
                d.stage_name,
                d.amount,
                round(d.chance * 100),
                d.end,
                d.is_closed,
                d.won,
                sid("005", d.agent),
                STYLE.stamp(d.created),
                "USD",
            ]
            for d in deals_of(company)
        ],
    )
    put(
        folder / "OpportunityLineItem.csv",
        ["Id", "OpportunityId", "Product2Id", "Quantity", "UnitPrice", "TotalPrice", "ListPrice"],
        [
            [sid("00k", 2 * d.at + extra), sid("006", d.at, 15), sid("01t", product), 1, amount, amount, None]
            for d in deals_of(company)
            # The second product is a small one: the first decides.
            for extra, product, amount in (
                (1, (d.product + 1) % len(company.products), d.amount / 100),
                (0, d.product, d.amount),
            )
        ],
    )
    put(
        folder / "Account.csv",
        ["Id", "Name", "ParentId", "Industry", "BillingCountry"],
        [
            [
                sid("001", at, 15),
                a["name"],
                None if a["parent"] < 0 else sid("001", a["parent"]),
                a["sector"],
                a["country"],
            ]
            for at, a in enumerate(table(company.accounts))
        ],
    )
    put(
        folder / "User.csv",
        ["Id", "FirstName", "LastName", "Name", "IsActive"],
        [[sid("005", at), None, a["name"], a["name"], True] for at, a in enumerate(table(company.agents))],
    )
    put(
        folder / "Product2.csv",
        ["Id", "Name", "Family", "IsActive"],
        [[sid("01t", at), p["name"], p["series"], True] for at, p in enumerate(table(company.products))],
    )
    put(
        folder / "PricebookEntry.csv",
        ["Id", "Product2Id", "UnitPrice", "IsActive"],
        [[sid("01u", at), sid("01t", at), p["price"], True] for at, p in enumerate(table(company.products))],
    )
    put(
        folder / "OpportunityStage.csv",
        ["MasterLabel", "SortOrder", "IsClosed", "IsWon", "DefaultProbability"],
        [
            *([name, at + 1, False, False, 20 * (at + 1)] for at, name in enumerate(STAGES)),
            [WON_STAGE, 8, True, True, 100],
            [LOST_STAGE, 9, True, False, 0],
        ],
    )

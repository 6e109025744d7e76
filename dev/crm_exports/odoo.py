"""The files that Odoo exports."""

from __future__ import annotations

import csv
from pathlib import Path

from dev.crm_exports.company import STAGES, WON_STAGE, Company
from dev.crm_exports.writers import Style, cents, deals_of, iso, table

STYLE = Style("utf-8", ",", csv.QUOTE_ALL, lambda day: f"{day} 10:30:00", iso, cents, ("False", "True"))


def write(company: Company, folder: Path) -> None:
    """Write what the list view exports with `import-compatible` on: external ids, names of linked records."""
    put = STYLE.write
    put(
        folder / "crm.lead.csv",
        [
            "id",
            "name",
            "type",
            "active",
            "user_id",
            "partner_id/id",
            "stage_id",
            "expected_revenue",
            "probability",
            "create_date",
            "date_closed",
            "date_deadline",
            "company_currency",
        ],
        [
            [
                f"__export__.crm_lead_{d.at}",
                f"Deal {d.at}",
                "opportunity",
                not d.lost,
                company.agents["name"][d.agent],
                None if d.account < 0 else f"__export__.res_partner_{d.account}",
                WON_STAGE if d.won else STAGES[d.stage],
                d.amount,
                round(d.chance * 100),
                STYLE.stamp(d.created),
                None if d.closed is None else STYLE.stamp(d.closed),
                d.expected,
                "USD",
            ]
            for d in deals_of(company)
        ],
    )
    put(
        folder / "res.partner.csv",
        ["id", "name", "is_company", "industry_id", "country_id", "parent_id/id"],
        [
            [
                f"__export__.res_partner_{at}",
                a["name"],
                True,
                a["sector"],
                a["country"],
                None if a["parent"] < 0 else f"__export__.res_partner_{a['parent']}",
            ]
            for at, a in enumerate(table(company.accounts))
        ],
    )
    put(
        folder / "res.users.csv",
        ["id", "name", "login"],
        [
            [f"base.user_{at}", a["name"], f"agent{at}@example.com"]
            for at, a in enumerate(table(company.agents))
        ],
    )
    put(
        folder / "sale.order.line.csv",
        ["id", "order_id/opportunity_id/id", "product_id", "price_subtotal"],
        [
            [
                f"__export__.line_{d.at}",
                f"__export__.crm_lead_{d.at}",
                company.products["name"][d.product],
                d.amount,
            ]
            for d in deals_of(company)
        ],
    )
    put(
        folder / "product.template.csv",
        ["id", "name", "categ_id", "list_price"],
        [[f"p{at}", p["name"], p["series"], p["price"]] for at, p in enumerate(table(company.products))],
    )
    put(
        folder / "crm.stage.csv",
        ["id", "name", "sequence", "is_won"],
        [
            *([f"crm.stage_{at}", name, at, False] for at, name in enumerate(STAGES)),
            ["crm.stage_won", WON_STAGE, 70, True],
        ],
    )

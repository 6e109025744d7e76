"""The tables that the graph makes from raw data, column by column."""

from __future__ import annotations

from crm_assets.crm.feature_table import FEATURES, LABEL
from crm_assets.crm.schema import Column, TableSchema

OPPORTUNITY_ID = Column("opportunity_id", "string", "Identifier of the deal.", nullable=False)
SNAPSHOT_MONTH = Column(
    "snapshot_month", "string", "Month whose end the row describes, YYYY-MM.", nullable=False
)

DIMENSIONS = (
    Column("product", "string", "Product, name normalised to the price list's.", nullable=False),
    Column("product_series", "string", "Series of the product."),
    Column("list_price", "float64", "List price of the product.", "USD", nullable=False),
    Column("sales_agent", "string", "Agent who works on the deal.", nullable=False),
    Column("manager", "string", "The agent's manager."),
    Column("regional_office", "string", "The agent's office."),
    Column("account", "string", "Customer, where one is recorded."),
    Column("sector", "string", "Industry of the account, spelling mended."),
    Column("account_revenue", "float64", "Yearly revenue of the account.", "million USD"),
    Column("account_employees", "float64", "Head count of the account.", "heads"),
    Column("account_year_established", "int64", "Year the account was founded.", "year"),
    Column("account_parent", "string", "Parent company of the account, where there is one."),
)

OPPORTUNITIES = TableSchema(
    name="opportunities",
    description="Every deal, cleaned and joined with its product, agent and account.",
    key=("opportunity_id",),
    columns=(
        OPPORTUNITY_ID,
        *DIMENSIONS,
        Column("stage", "string", "Stage at the time of the dump.", nullable=False),
        Column(
            "created_date",
            "date",
            "Day the deal became known: the engage date, or for prospecting deals a simulated day.",
            nullable=False,
        ),
        Column(
            "created_date_source",
            "string",
            "`engage_date`, or `simulated` where the dump has no date and one is derived from the id.",
            nullable=False,
        ),
        Column("engage_date", "date", "Day the deal was engaged; null while prospecting."),
        Column("close_date", "date", "Day the deal was won or lost; null while open."),
        Column("close_value", "float64", "Revenue of the deal: 0 where lost, null while open.", "USD"),
    ),
)

MONTHLY_SNAPSHOTS = TableSchema(
    name="monthly_snapshots",
    description="Every deal known as of the month's end, with the stage and dates known then.",
    key=("snapshot_month", "opportunity_id"),
    columns=(
        SNAPSHOT_MONTH,
        OPPORTUNITY_ID,
        *DIMENSIONS,
        Column("stage", "string", "Stage as of the month's end.", nullable=False),
        Column("created_date", "date", "Day the deal became known.", nullable=False),
        Column("created_date_source", "string", "`engage_date` or `simulated`.", nullable=False),
        Column("engage_date", "date", "Engage date, if it lies on or before the month's end."),
        Column("close_date", "date", "Close date, if it lies on or before the month's end."),
        Column("close_value", "float64", "Revenue, if closed on or before the month's end.", "USD"),
    ),
)

WIN_FEATURES = TableSchema(
    name="win_features",
    description="One row per deal open at the month's end: 23 features and the label.",
    key=("snapshot_month", "opportunity_id"),
    columns=(SNAPSHOT_MONTH, OPPORTUNITY_ID, *FEATURES, LABEL),
)

"""The tables of deals, cleaned and as known at each month's end, and the calendar of months."""

from __future__ import annotations

from dataclasses import dataclass

from crm_assets.crm.schema import Column, TableSchema
from crm_assets.crm.targets import TARGETS

OPPORTUNITY_ID = Column("opportunity_id", "string", "Identifier of the deal.", nullable=False)
SNAPSHOT_MONTH = Column(
    "snapshot_month", "string", "Month whose end the row describes, YYYY-MM.", nullable=False
)


@dataclass(frozen=True)
class Dimension(Column):
    """A column that is looked up by another column of the deals, `of`.

    If `of` changes when a deal closes, this column changes too.
    """

    of: str = ""


DIMENSIONS = (
    Column("product", "string", "Product, as the price list spells it."),
    Dimension("product_series", "string", "Series of the product.", of="product"),
    Dimension("list_price", "float64", "List price of the product.", "USD", of="product"),
    Column("sales_agent", "string", "Agent who works on the deal."),
    Dimension("manager", "string", "The agent's manager.", of="sales_agent"),
    Dimension("regional_office", "string", "The agent's office.", of="sales_agent"),
    Column("account", "string", "Customer, if recorded."),
    Dimension("sector", "string", "Industry of the account, spelling corrected.", of="account"),
    Dimension("account_revenue", "float64", "Yearly revenue of the account.", "million USD", of="account"),
    Dimension("account_employees", "float64", "Head count of the account.", "heads", of="account"),
    Dimension("account_year_established", "int64", "Year the account was founded.", "year", of="account"),
    Dimension("account_parent", "string", "Parent company of the account, if any.", of="account"),
)

# What a CRM may say of a deal beyond its dimensions.
DETAILS = (
    Column("crm_created_date", "date", "Day the deal was entered into the CRM."),
    Column("expected_close_date", "date", "Day the deal is expected to close, at the time of the dump."),
    Column("amount", "float64", "What the deal is worth, as the seller entered it.", "USD"),
    Column("currency", "string", "Currency of amount and close_value, as ISO 4217."),
    Column("pipeline", "string", "The CRM's name of the pipeline."),
    Column("stage_name", "string", "The CRM's own name of the stage, at the time of the dump."),
    Column("stage_position", "int64", "Place of that stage among the open stages, the first is 1."),
    Column("stage_changed_date", "date", "Day the deal moved to that stage."),
    Column("crm_probability", "float64", "The CRM's own probability that the deal is won.", "0 to 1"),
    Column("forecast_category", "string", "The CRM's own forecast category."),
)
# What a snapshot rebuilds from the dates of the deal: it holds only what had happened by then.
OUTCOME = ("stage", "close_date", "close_value")
OPTIONAL = tuple(column.name for column in (*DIMENSIONS, *DETAILS))

OPPORTUNITIES = TableSchema(
    name="opportunities",
    description="Every deal, cleaned and joined with its product, agent and account.",
    key=("opportunity_id",),
    optional=OPTIONAL,
    columns=(
        OPPORTUNITY_ID,
        *DIMENSIONS,
        Column("stage", "string", "Stage at the time of the dump.", nullable=False),
        Column(
            "created_date",
            "date",
            "Day the deal became known: when it was created or engaged, whichever is first; a simulated day "
            "if the CRM has no date.",
            nullable=False,
        ),
        Column(
            "created_date_source",
            "string",
            "`engage_date`, `created_date`, `close_date` if the CRM has no earlier date, or `simulated` if "
            "it has none and the day is derived from the id.",
            nullable=False,
        ),
        Column("engage_date", "date", "Day the deal was engaged; null while prospecting."),
        Column("close_date", "date", "Day the deal was won or lost; null while open."),
        Column("close_value", "float64", "Revenue of the deal: 0 if lost, null while open.", "USD"),
        *DETAILS,
    ),
)

MONTHLY_SNAPSHOTS = TableSchema(
    name="monthly_snapshots",
    description="Every deal known as of the month's end, with the stage and dates known then.",
    key=("snapshot_month", "opportunity_id"),
    optional=OPTIONAL,
    columns=(
        SNAPSHOT_MONTH,
        OPPORTUNITY_ID,
        *DIMENSIONS,
        Column("stage", "string", "Stage as of the month's end.", nullable=False),
        Column("created_date", "date", "Day the deal became known.", nullable=False),
        Column("created_date_source", "string", "As in `opportunities`.", nullable=False),
        Column("engage_date", "date", "Engage date, if on or before the month's end."),
        Column("close_date", "date", "Close date, if on or before the month's end."),
        Column("close_value", "float64", "Revenue, if closed on or before the month's end.", "USD"),
        Column(
            "known_from",
            "string",
            "Day of the archived dump that had recorded the row by the month's end, YYYY-MM-DD; "
            "`reconstructed` if a later dump did, whose undated values may have been written since.",
            nullable=False,
        ),
        *DETAILS,
    ),
)

MONTHS = TableSchema(
    name="months",
    description="The calendar of the months of a query, one row each.",
    key=("snapshot_month",),
    columns=(
        SNAPSHOT_MONTH,
        Column("month_end", "date", "Last day of the month.", nullable=False),
        Column("year", "int64", "Year of the month.", nullable=False),
        Column(
            "month_of_quarter", "int64", "Position of the next month in its quarter, 1 to 3.", nullable=False
        ),
        *(
            Column(
                f"{target.name}_until",
                "date",
                f"Last day that decides {target.name}; null while it is in the future.",
            )
            for target in TARGETS
        ),
    ),
)

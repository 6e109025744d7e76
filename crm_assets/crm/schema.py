"""The raw tables: what a CRM's files are turned into, column by column."""

from __future__ import annotations

from enum import StrEnum

from crm_assets.crm.columns import Column, Dtype, TableSchema, arrow_schema, as_given
from crm_assets.crm.raw_table import Dating, RawTable

__all__ = (
    "CLOSED_STAGES",
    "RAW_ACCOUNTS",
    "RAW_PRODUCTS",
    "RAW_SALES_PIPELINE",
    "RAW_SALES_TEAMS",
    "RAW_TABLES",
    "SOURCE_ROW",
    "Column",
    "Dating",
    "Dtype",
    "RawTable",
    "Stage",
    "TableSchema",
    "arrow_schema",
    "as_given",
)


class Stage(StrEnum):
    """The stage of a deal."""

    PROSPECTING = "Prospecting"
    ENGAGING = "Engaging"
    WON = "Won"
    LOST = "Lost"


CLOSED_STAGES = (Stage.WON, Stage.LOST)

SOURCE_ROW = Column(
    "source_row",
    "int64",
    "Row number in the source file, as in a spreadsheet: the header is row 1.",
    nullable=False,
)

RAW_ACCOUNTS = RawTable(
    name="raw_accounts",
    file_name="accounts.csv",
    optional_table=True,
    description="Customer companies, as the CRM dumps them.",
    key=("account",),
    optional=("sector", "year_established", "revenue", "employees", "office_location", "subsidiary_of"),
    columns=(
        Column("account", "string", "Company name.", nullable=False),
        Column("sector", "string", "Industry, as typed into the CRM."),
        Column("year_established", "int64", "Year the company was founded.", "year"),
        Column("revenue", "float64", "Yearly revenue.", "million USD"),
        Column("employees", "int64", "Head count.", "heads"),
        Column("office_location", "string", "Country of the head office."),
        Column("subsidiary_of", "string", "Parent company, if any."),
        SOURCE_ROW,
    ),
)

RAW_PRODUCTS = RawTable(
    name="raw_products",
    file_name="products.csv",
    optional_table=True,
    description="The price list.",
    key=("product",),
    optional=("series", "sales_price"),
    columns=(
        Column("product", "string", "Product name.", nullable=False),
        Column("series", "string", "Product series."),
        Column("sales_price", "float64", "List price; null or 0 if it is not fixed.", "USD"),
        SOURCE_ROW,
    ),
)

RAW_SALES_TEAMS = RawTable(
    name="raw_sales_teams",
    file_name="sales_teams.csv",
    optional_table=True,
    description="Sales agents with their managers and offices.",
    key=("sales_agent",),
    optional=("manager", "regional_office"),
    columns=(
        Column("sales_agent", "string", "Agent's name.", nullable=False),
        Column("manager", "string", "The agent's manager."),
        Column("regional_office", "string", "The agent's office."),
        SOURCE_ROW,
    ),
)

RAW_SALES_PIPELINE = RawTable(
    name="raw_sales_pipeline",
    file_name="sales_pipeline.csv",
    description="Opportunities (deals): one row each, with the stage at the time of the dump.",
    key=("opportunity_id",),
    optional=(
        "sales_agent",
        "product",
        "account",
        "engage_date",
        "created_date",
        "expected_close_date",
        "amount",
        "currency",
        "pipeline",
        "stage_name",
        "stage_position",
        "stage_changed_date",
        "crm_probability",
        "forecast_category",
    ),
    dated_by=(
        Dating("created_date", or_on=("engage_date",)),
        Dating("engage_date", before=(("deal_stage", Stage.PROSPECTING.value),)),
        Dating("stage_changed_date", known_with=("stage_name", "stage_position")),
        Dating("close_date", known_with=("close_value",), before=(("deal_stage", Stage.ENGAGING.value),)),
    ),
    undated=("expected_close_date",),
    columns=(
        Column("opportunity_id", "string", "Identifier of the deal.", nullable=False),
        Column("sales_agent", "string", "The agent who works on the deal."),
        Column("product", "string", "Product, as typed into the CRM."),
        Column("account", "string", "Customer, if recorded."),
        Column("deal_stage", "string", "Prospecting, Engaging, Won or Lost.", nullable=False),
        Column("engage_date", "date", "Day the deal was engaged; null while prospecting."),
        Column("close_date", "date", "Day the deal was won or lost; null while open."),
        Column("close_value", "float64", "Revenue of the deal: 0 if lost, null while open.", "USD"),
        Column("created_date", "date", "Day the deal was entered into the CRM."),
        Column(
            "expected_close_date",
            "date",
            "Day the deal is expected to close, which may lie in the future. Many CRMs overwrite it.",
        ),
        Column("amount", "float64", "What the deal is worth, as the seller entered it.", "USD"),
        Column("currency", "string", "Currency of amount and close_value, ISO 4217: the same in all rows."),
        Column("pipeline", "string", "The CRM's name of the pipeline."),
        Column("stage_name", "string", "The CRM's own name of the stage at the time of the dump."),
        Column(
            "stage_position",
            "int64",
            "Place of an open deal's stage among the open stages of its pipeline, the first is 1.",
        ),
        Column("stage_changed_date", "date", "Day the deal moved to its stage."),
        Column("crm_probability", "float64", "The CRM's own probability that the deal is won.", "0 to 1"),
        Column("forecast_category", "string", "The CRM's own forecast category."),
        SOURCE_ROW,
    ),
)

RAW_QUOTAS = RawTable(
    name="raw_quotas",
    file_name="quotas.csv",
    optional_table=True,
    description="Sales quotas: what an agent, a manager or an office is to sell in a month.",
    key=("month", "name"),
    columns=(
        Column("month", "string", "Month, YYYY-MM.", nullable=False),
        Column("name", "string", "The agent, manager or office, as in sales_teams.csv.", nullable=False),
        Column("quota", "float64", "Revenue to reach.", "USD", nullable=False),
        SOURCE_ROW,
    ),
)

# A table comes after the tables that its rules read.
RAW_TABLES: tuple[RawTable, ...] = (
    RAW_ACCOUNTS,
    RAW_PRODUCTS,
    RAW_SALES_TEAMS,
    RAW_SALES_PIPELINE,
    RAW_QUOTAS,
)

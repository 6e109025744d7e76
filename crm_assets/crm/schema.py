"""Every table of the graph: its columns, types, units and meanings, each defined once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import pyarrow as pa

Dtype = Literal["string", "date", "float64", "int64", "boolean", "category", "pushes"]

_PUSH = pa.struct([("feature", pa.string()), ("value", pa.string()), ("contribution", pa.float64())])
_ARROW: dict[str, pa.DataType] = {
    "string": pa.string(),
    "date": pa.date32(),
    "float64": pa.float64(),
    "int64": pa.int64(),
    "boolean": pa.bool_(),
    "category": pa.string(),
    "pushes": pa.list_(_PUSH),
}


def arrow_schema(columns: Iterable[tuple[str, str]]) -> pa.Schema:
    """The types that columns, each a name and a `Dtype`, are stored with."""
    return pa.schema([(name, _ARROW[dtype]) for name, dtype in columns])


class Stage(StrEnum):
    """Where a deal stands."""

    PROSPECTING = "Prospecting"
    ENGAGING = "Engaging"
    WON = "Won"
    LOST = "Lost"


CLOSED_STAGES = (Stage.WON, Stage.LOST)


@dataclass(frozen=True)
class Column:
    """One column.

    `category` is stored as a string; its values are data, not a fixed list. `pushes` is a list of
    `{feature, value, contribution}`.
    """

    name: str
    dtype: Dtype
    description: str
    unit: str = ""
    nullable: bool = True


@dataclass(frozen=True)
class TableSchema:
    """One table: its name, its columns in order, and the columns that identify a row."""

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """The column names, in order."""
        return [column.name for column in self.columns]

    @property
    def arrow(self) -> pa.Schema:
        """The types that the table is stored with."""
        return arrow_schema((column.name, column.dtype) for column in self.columns)

    def __getitem__(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


@dataclass(frozen=True)
class RawTable(TableSchema):
    """A table as the CRM dumps it: one CSV file.

    `optional` columns may be missing from the file and are then null throughout.
    """

    file_name: str = ""
    optional: tuple[str, ...] = ()


SOURCE_ROW = Column(
    "source_row",
    "int64",
    "Row of the source file as a spreadsheet numbers it: the header is row 1.",
    nullable=False,
)

RAW_ACCOUNTS = RawTable(
    name="raw_accounts",
    file_name="accounts.csv",
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
        Column("subsidiary_of", "string", "Parent company, where there is one."),
        SOURCE_ROW,
    ),
)

RAW_PRODUCTS = RawTable(
    name="raw_products",
    file_name="products.csv",
    description="The price list.",
    key=("product",),
    optional=("series",),
    columns=(
        Column("product", "string", "Product name.", nullable=False),
        Column("series", "string", "Product series."),
        Column("sales_price", "float64", "List price.", "USD", nullable=False),
        SOURCE_ROW,
    ),
)

RAW_SALES_TEAMS = RawTable(
    name="raw_sales_teams",
    file_name="sales_teams.csv",
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
    columns=(
        Column("opportunity_id", "string", "Identifier of the deal.", nullable=False),
        Column("sales_agent", "string", "The agent who works on the deal.", nullable=False),
        Column("product", "string", "Product, as typed into the CRM.", nullable=False),
        Column("account", "string", "Customer, where one is recorded."),
        Column("deal_stage", "string", "Prospecting, Engaging, Won or Lost.", nullable=False),
        Column("engage_date", "date", "Day the deal was engaged; null while prospecting."),
        Column("close_date", "date", "Day the deal was won or lost; null while open."),
        Column("close_value", "float64", "Revenue of the deal: 0 where lost, null while open.", "USD"),
        SOURCE_ROW,
    ),
)

RAW_TABLES: tuple[RawTable, ...] = (RAW_ACCOUNTS, RAW_PRODUCTS, RAW_SALES_TEAMS, RAW_SALES_PIPELINE)

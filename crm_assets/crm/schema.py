"""How tables are described: columns, types, units and meanings; and the raw tables."""

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
    """Return the Arrow types in which columns, given as name and `Dtype`, are stored."""
    return pa.schema([(name, _ARROW[dtype]) for name, dtype in columns])


class Stage(StrEnum):
    """The stage of a deal."""

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
        """The Arrow types in which the table is stored."""
        return arrow_schema((column.name, column.dtype) for column in self.columns)

    def __getitem__(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


@dataclass(frozen=True)
class Dating:
    """A date column that says since when a part of a row is known.

    The replay and the point-in-time tests undo it: as of an earlier day, the date and everything that came
    with it are empty.

    Attributes:
        column: the date column.
        known_with: columns that are empty before that day.
        before: columns that have another value before that day, each with that value.
    """

    column: str
    known_with: tuple[str, ...] = ()
    before: tuple[tuple[str, str], ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The date column itself, then every column that depends on it."""
        return (self.column, *self.known_with, *(name for name, _ in self.before))


@dataclass(frozen=True)
class RawTable(TableSchema):
    """A table as the CRM dumps it: one CSV file.

    Attributes:
        file_name: name of the file.
        optional: columns that the file may lack; all their values are null then.
        optional_table: whether the file may be missing, or have no rows; the table is empty then.
        dated_by: the dates that say since when things are known: the first date for the row itself, each
            later one for a part of it. A row without the first date is unknown before the dump.
    """

    file_name: str = ""
    optional: tuple[str, ...] = ()
    optional_table: bool = False
    dated_by: tuple[Dating, ...] = ()

    def __post_init__(self) -> None:
        """Check that every date column has a `Dating`.

        Raises:
            ValueError: a date column has no `Dating`, or a `Dating` names a wrong column.
        """
        dates = [column.name for column in self.columns if column.dtype == "date"]
        for dating in self.dated_by:
            if dating.column not in dates:
                raise ValueError(
                    f"{self.name}: dated_by names {dating.column}, which is not a date column of the table; "
                    f"name one of {', '.join(dates) or 'its date columns, once it has any'}."
                )
            if unknown := [name for name in dating.columns if name not in self.names]:
                raise ValueError(
                    f"{self.name}: the Dating by {dating.column} names {', '.join(unknown)}, which the table "
                    "does not have; correct the name."
                )
        undecided = [name for name in dates if name not in {dating.column for dating in self.dated_by}]
        if undecided:
            raise ValueError(
                f"{self.name}: no dated_by names the date column {', '.join(undecided)}; add a Dating that "
                "says what is known since that date, or the replay would show the future."
            )

    def is_there(self, rows: int) -> bool:
        """Return whether the source has the table, given its number of rows; a missing table has none."""
        return bool(rows) or not self.optional_table


SOURCE_ROW = Column(
    "source_row",
    "int64",
    "Row number in the source file, as in a spreadsheet: the header is row 1.",
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
        Column("subsidiary_of", "string", "Parent company, if any."),
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
        Column("sales_price", "float64", "List price; null or 0 if it is not fixed.", "USD"),
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
    dated_by=(
        Dating("engage_date"),
        Dating("close_date", known_with=("close_value",), before=(("deal_stage", Stage.ENGAGING.value),)),
    ),
    columns=(
        Column("opportunity_id", "string", "Identifier of the deal.", nullable=False),
        Column("sales_agent", "string", "The agent who works on the deal.", nullable=False),
        Column("product", "string", "Product, as typed into the CRM.", nullable=False),
        Column("account", "string", "Customer, if recorded."),
        Column("deal_stage", "string", "Prospecting, Engaging, Won or Lost.", nullable=False),
        Column("engage_date", "date", "Day the deal was engaged; null while prospecting."),
        Column("close_date", "date", "Day the deal was won or lost; null while open."),
        Column("close_value", "float64", "Revenue of the deal: 0 if lost, null while open.", "USD"),
        SOURCE_ROW,
    ),
)

# A table comes after the tables that its rules read.
RAW_TABLES: tuple[RawTable, ...] = (RAW_ACCOUNTS, RAW_PRODUCTS, RAW_SALES_TEAMS, RAW_SALES_PIPELINE)

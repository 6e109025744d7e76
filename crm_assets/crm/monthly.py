"""One query for the tables of many months, for any engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from crm_assets.crm.deals import MONTHS, SNAPSHOT_MONTH
from crm_assets.crm.schema import TableSchema


@dataclass(frozen=True)
class MonthlyQuery:
    """One expression for many months: compiled once, run for as many months at a time as fit in memory.

    Attributes:
        calendar: columns of `crm.deals.MONTHS`, one row per month, in order.
        make: builds the expression, sorted by month first, from the tables of the calendar and `stored`.
        stored: a monthly table that the expression reads, only for the months of the calendar.
    """

    calendar: pa.Table
    make: Callable[..., ir.Table]
    stored: TableSchema | None = None

    @property
    def months(self) -> list[str]:
        """The months, in order."""
        return self.calendar[SNAPSHOT_MONTH.name].to_pylist()

    @property
    def expression(self) -> ir.Table:
        """The expression. The engine that runs it must provide its tables under their names."""
        return self.make(*(unbound(table) for table in (MONTHS, self.stored) if table is not None))


def unbound(table: TableSchema) -> ir.Table:
    """Return a table without data: only its name and columns."""
    return ibis.table(ibis.Schema.from_pyarrow(table.arrow), name=table.name)

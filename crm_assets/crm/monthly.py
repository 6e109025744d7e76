"""One query for the tables of many months, whichever engine runs it."""

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
    """One expression for many months: compiled once, and run for as many months at a time as memory holds.

    Attributes:
        calendar: columns of `crm.deals.MONTHS`, a row per month, in order.
        make: gives the expression, sorted by month first, from the calendar's table and that of `stored`.
        stored: a monthly table that the expression reads, of the months of the calendar alone.
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
        """The expression, over tables that whoever runs it puts there under their names."""
        return self.make(*(unbound(table) for table in (MONTHS, self.stored) if table is not None))


def unbound(table: TableSchema) -> ir.Table:
    """Return a table of which an expression knows the name and the columns alone."""
    return ibis.table(ibis.Schema.from_pyarrow(table.arrow), name=table.name)

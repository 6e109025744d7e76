"""Shifts from month to month: the number of rows and the win rate, compared with the months before."""

from __future__ import annotations

from collections.abc import Callable

import ibis
import ibis.expr.types as ir

from crm_assets.crm.feature_table import LABEL
from crm_assets.crm.rules import NotLess, Read
from crm_assets.crm.schema import TableSchema
from crm_assets.defs.checks.suite import MONTH, Suite

# A month is flagged below half the min or above twice the max of the preceding months.
TOLERANCE = 2.0
# The number of preceding months to compare with, and the fewest that are enough.
WINDOW, LEAST = 6, 3


def steady(table: TableSchema, what: str) -> Suite:
    """Return the suite that warns of months with row counts far below or above the preceding months."""
    return _suite(table, what, lambda months: months.count().cast("float64"))


def steady_rate(table: TableSchema) -> Suite:
    """Return the suite that warns of months with win rates far below or above the preceding months."""
    # A month without a win has no outcomes: the data begins after it, or the month is not over.
    return _suite(table, "win_rate", lambda months: months[LABEL.name].mean().nullif(0))


def _suite(table: TableSchema, what: str, value: Callable[[ir.Table], ir.Value]) -> Suite:
    def derive(rows: ir.Table, read: Read) -> ir.Table:
        months = rows.group_by(MONTH).agg(value=value(rows))
        before = ibis.window(order_by=MONTH, preceding=(WINDOW, 1))
        known = months.value.count().over(before) >= LEAST
        return months.mutate(
            lowest=known.ifelse(months.value.min().over(before) / TOLERANCE, ibis.null("float64")),
            highest=known.ifelse(months.value.max().over(before) * TOLERANCE, ibis.null("float64")),
        ).order_by(MONTH)

    rules = (
        NotLess(name=f"{what}_not_far_below_history", column="value", than="lowest", severity="should"),
        NotLess(name=f"{what}_not_far_above_history", column="highest", than="value", severity="should"),
    )
    return Suite(
        table,
        rules,
        key=(MONTH, "value", "lowest", "highest"),
        derive=derive,
        whole_history=True,
        scored=False,
    )

"""Shifts from month to month: how many rows, and how many of them are won, against what history shows."""

from __future__ import annotations

from collections.abc import Callable

import ibis
import ibis.expr.types as ir

from crm_assets.crm.feature_table import LABEL
from crm_assets.crm.rules import NotLess, Read
from crm_assets.crm.schema import TableSchema
from crm_assets.defs.checks.suite import MONTH, Suite

# How far beyond the smallest and the largest of the months before a month may lie.
TOLERANCE = 2.0
# Months before, within which history is looked for; and how many there must be to speak of history.
WINDOW, LEAST = 6, 3


def steady(table: TableSchema, what: str) -> Suite:
    """Warns of months whose row count is less than half, or more than twice, that of the months before."""
    return _suite(table, what, lambda months: months.count().cast("float64"))


def steady_rate(table: TableSchema) -> Suite:
    """Warns of months whose win rate lies as far beyond that of the months before."""
    # A month without any win knows of no outcome: the data begins after it, or it is not over.
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

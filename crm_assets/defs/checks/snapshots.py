"""The gates of the monthly snapshots: nothing in a month is dated after it."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from crm_assets.crm.contract import contract
from crm_assets.crm.rules import InSet, IsNull, NotLess, NotNull, Read, Where
from crm_assets.crm.schema import Stage
from crm_assets.crm.tables import MONTHLY_SNAPSHOTS
from crm_assets.defs.checks.crm import CLOSED, OPEN
from crm_assets.defs.checks.shifts import steady
from crm_assets.defs.checks.suite import Suite

PROSPECTING = Where("stage", (Stage.PROSPECTING,))
LOST = Where("stage", (Stage.LOST,))


def with_month_end(table: ir.Table, read: Read) -> ir.Table:
    """Add the last day of each row's month."""
    first = (table.snapshot_month + "-01").cast("date")
    return table.mutate(month_end=(first + ibis.interval(months=1) - ibis.interval(days=1)).cast("date"))


SNAPSHOTS = Suite(
    MONTHLY_SNAPSHOTS,
    (
        *contract(MONTHLY_SNAPSHOTS),
        InSet(name="stage_known", column="stage", values=tuple(Stage)),
        NotLess(name="created_by_month_end", column="month_end", than="created_date"),
        NotLess(name="engaged_by_month_end", column="month_end", than="engage_date"),
        NotLess(name="closed_by_month_end", column="month_end", than="close_date"),
        NotNull(name="closed_deals_have_close_date", column="close_date", where=CLOSED),
        NotNull(name="lost_deals_have_close_value", column="close_value", where=LOST),
        IsNull(name="open_deals_have_no_close_date", column="close_date", where=OPEN),
        IsNull(name="open_deals_have_no_close_value", column="close_value", where=OPEN),
        IsNull(name="prospects_have_no_engage_date", column="engage_date", where=PROSPECTING),
    ),
    derive=with_month_end,
)

SUITES = (SNAPSHOTS, steady(MONTHLY_SNAPSHOTS, "deals"))

"""Point-in-time snapshots: what was known of every deal at the end of a month."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from crm_assets.crm.months import month_end
from crm_assets.crm.schema import Stage
from crm_assets.crm.tables import MONTHLY_SNAPSHOTS


def snapshot(opportunities: ir.Table, month: str) -> ir.Table:
    """Every deal known as of `month`, with stage, dates and value as they stood at its end.

    Nothing dated after the month's end can change the result: a deal that becomes known later is
    absent, and a deal that closes later is open.

    Args:
        opportunities: columns of `crm.tables.OPPORTUNITIES`.
        month: `YYYY-MM`.

    Returns:
        Columns of `crm.tables.MONTHLY_SNAPSHOTS`, sorted by `opportunity_id`.
    """
    end = ibis.literal(month_end(month))
    known = opportunities.filter(opportunities.created_date <= end)
    engaged = known.engage_date.notnull()
    closed = known.close_date.notnull() & (known.close_date <= end)
    return (
        known.mutate(
            snapshot_month=ibis.literal(month),
            stage=ibis.cases(
                (closed, known.stage),
                (engaged, Stage.ENGAGING.value),
                else_=Stage.PROSPECTING.value,
            ),
            close_date=closed.ifelse(known.close_date, ibis.null("date")),
            close_value=closed.ifelse(known.close_value, ibis.null("float64")),
        )
        .select(MONTHLY_SNAPSHOTS.names)
        .order_by("opportunity_id")
    )

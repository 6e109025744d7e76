"""Point-in-time snapshots: what was known of every deal at the end of each month."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from crm_assets.crm.deals import MONTHLY_SNAPSHOTS, MONTHS
from crm_assets.crm.monthly import MonthlyQuery
from crm_assets.crm.months import month_end, month_of_quarter, month_start, shift
from crm_assets.crm.schema import Stage
from crm_assets.crm.targets import TARGETS

# Dates that a deal may have beside those of its outcome, each with what is known since that day.
DATED = {"crm_created_date": (), "stage_changed_date": ("stage_name", "stage_position")}


def monthly_snapshots(opportunities: ir.Table, months: Iterable[str]) -> MonthlyQuery:
    """Return the query for the snapshots of some months, from `crm.deals.OPPORTUNITIES`."""
    return MonthlyQuery(month_rows(months), partial(snapshots, opportunities))


def month_rows(months: Iterable[str], horizon: str | None = None) -> pa.Table:
    """Return the calendar of some months, in order: the columns of `crm.deals.MONTHS`.

    Args:
        months: `YYYY-MM` each.
        horizon: last month that the data covers completely; without one, no label is known.
    """
    rows = []
    for month in sorted(months):
        row = {
            "snapshot_month": month,
            "month_end": month_end(month),
            "year": month_start(month).year,
            "month_of_quarter": month_of_quarter(shift(month, 1)),
        }
        for target in TARGETS:
            known = horizon is not None and target.labeled([month], horizon)
            row[f"{target.name}_until"] = month_end(shift(month, target.months)) if known else None
        rows.append(row)
    return pa.Table.from_pylist(rows, MONTHS.arrow)


def snapshots(opportunities: ir.Table, months: ir.Table) -> ir.Table:
    """Return every deal known as of each month, with stage, dates and value as of its end.

    Nothing dated after a month's end can change its rows: a deal that becomes known later is
    absent, and a deal that closes later is open.

    Args:
        opportunities: columns of `crm.deals.OPPORTUNITIES`.
        months: columns of `crm.deals.MONTHS`.

    Returns:
        Columns of `crm.deals.MONTHLY_SNAPSHOTS`, sorted by month and `opportunity_id`.
    """
    known = opportunities.join(months, opportunities.created_date <= months.month_end)
    engaged = known.engage_date.notnull() & (known.engage_date <= known.month_end)
    closed = known.close_date.notnull() & (known.close_date <= known.month_end)
    return (
        known.mutate(
            **_as_of(known),
            stage=ibis.cases(
                (closed, known.stage),
                (engaged, Stage.ENGAGING.value),
                else_=Stage.PROSPECTING.value,
            ),
            engage_date=engaged.ifelse(known.engage_date, ibis.null("date")),
            close_date=closed.ifelse(known.close_date, ibis.null("date")),
            close_value=closed.ifelse(known.close_value, ibis.null("float64")),
        )
        .select(MONTHLY_SNAPSHOTS.having(known.columns).names)
        .order_by(MONTHLY_SNAPSHOTS.key)
    )


def _as_of(known: ir.Table) -> dict[str, ir.Value]:
    """Return what the CRM says since a day of its own; null before that day."""
    values = {}
    for since, names in DATED.items():
        if since not in known.columns:
            continue
        later = known[since].notnull() & (known[since] > known.month_end)
        there = [name for name in (since, *names) if name in known.columns]
        values |= {name: later.ifelse(ibis.null(known[name].type()), known[name]) for name in there}
    return values

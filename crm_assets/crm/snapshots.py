"""Point-in-time snapshots: what was known of every deal at the end of each month."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import partial

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from crm_assets.crm.deals import MONTHLY_SNAPSHOTS, MONTHS, OPPORTUNITIES, OPPORTUNITY_ID, OPTIONAL
from crm_assets.crm.monthly import MonthlyQuery
from crm_assets.crm.months import month_end, month_of_quarter, month_start, shift
from crm_assets.crm.schema import Stage
from crm_assets.crm.targets import TARGETS

# In `known_from`: the row comes from a dump later than the month. `completed` adds the column for other rows.
RECONSTRUCTED = "reconstructed"
RECORDED_ON = "recorded_on"
# Dates that a deal may have beside those of its outcome, each with what is known since that day.
DATED = {"crm_created_date": (), "stage_changed_date": ("stage_name", "stage_position")}


def monthly_snapshots(
    opportunities: ir.Table, months: Iterable[str], known_on: date | None = None
) -> MonthlyQuery:
    """Return the query for the snapshots of some months; see `snapshots`."""
    return MonthlyQuery(month_rows(months), partial(snapshots, opportunities, known_on=known_on))


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


def snapshots(opportunities: ir.Table, months: ir.Table, known_on: date | None = None) -> ir.Table:
    """Return every deal known as of each month, with stage, dates and value as of its end.

    Nothing dated after a month's end can change its rows: a deal that becomes known later is
    absent, and a deal that closes later is open.

    Args:
        opportunities: columns of `crm.deals.OPPORTUNITIES`, perhaps with `RECORDED_ON`.
        months: columns of `crm.deals.MONTHS`.
        known_on: day of the dump that the deals come from; if None, all months are before it.

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
            known_from=_known_from(known, known_on),
        )
        .select(MONTHLY_SNAPSHOTS.having(known.columns).names)
        .order_by(MONTHLY_SNAPSHOTS.key)
    )


def completed(before: ir.Table, later: ir.Table, known_on: date) -> ir.Table:
    """Return the deals of two dumps: as the first one has them, with what the second one dates after it.

    Args:
        before: deals of the earlier dump, columns of `crm.deals.OPPORTUNITIES`.
        later: deals of the later dump.
        known_on: day of the earlier dump.

    Returns:
        The columns that either dump has, and `RECORDED_ON`, empty for deals that only the later dump has;
        sorted by `opportunity_id`.
    """
    before, later = _with_columns_of(later, before), _with_columns_of(before, later)
    both = later.outer_join(before, OPPORTUNITY_ID.name, rname="{name}_before")
    was_there = both[f"{OPPORTUNITY_ID.name}_before"].notnull()
    engaged = both.engage_date_before.notnull() | both.opportunity_id.isnull()
    closed = both.close_date_before.notnull() | both.opportunity_id.isnull()
    # From the first condition on that holds, the earlier dump tells; else the later one.
    tells = {
        **dict.fromkeys((OPPORTUNITY_ID.name, *OPTIONAL), was_there),
        **dict.fromkeys(("engage_date", "created_date", "created_date_source"), was_there & engaged),
        **dict.fromkeys(("stage", "close_date", "close_value"), was_there & closed),
    }
    names = OPPORTUNITIES.having(later.columns).names
    columns = {name: tells[name].ifelse(both[f"{name}_before"], both[name]) for name in names}
    recorded = was_there.ifelse(ibis.literal(f"{known_on}"), ibis.null("string"))
    return both.select(**columns, **{RECORDED_ON: recorded}).order_by(OPPORTUNITY_ID.name)


def _with_columns_of(other: ir.Table, deals: ir.Table) -> ir.Table:
    """Add the columns that only the other dump has, as nulls."""
    lacks = [name for name in other.columns if name not in deals.columns]
    return deals.mutate(**{name: ibis.null(other[name].type()) for name in lacks})


def _known_from(known: ir.Table, known_on: date | None) -> ir.Value:
    if RECORDED_ON in known.columns:
        return known[RECORDED_ON].fill_null(RECONSTRUCTED)
    if known_on is None:
        return ibis.literal(RECONSTRUCTED)
    return (known.month_end >= known_on).ifelse(f"{known_on}", RECONSTRUCTED)


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

"""The data horizon: the last month that a dump covers completely."""

from __future__ import annotations

from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from crm_assets.crm.months import is_month, month_end, month_of, shift

# A month is complete even if its last days, for example a weekend, have no events.
QUIET_DAYS = 3


def data_horizon(last_event: date) -> str:
    """Return the last month that a dump covers completely, given its last dated event.

    >>> data_horizon(date(2017, 12, 29)), data_horizon(date(2017, 12, 14))
    ('2017-12', '2017-11')
    """
    month = month_of(last_event)
    over = month_end(month) - last_event <= timedelta(days=QUIET_DAYS)
    return month if over else shift(month, -1)


def horizon(opportunities: ir.Table, last_month: str | None) -> str:
    """Return the data horizon of cleaned deals: from the settings if given, else from the dates.

    Args:
        opportunities: columns of `crm.tables.OPPORTUNITIES`.
        last_month: `CRM_LAST_MONTH`: a month, `open` or None.
    """
    if last_month is not None and is_month(last_month):
        return last_month
    return data_horizon(newest_event(opportunities).to_pyarrow().as_py())


def newest_event(opportunities: ir.Table) -> ir.Value:
    """Return the date of the last event of cleaned deals, as an expression."""
    return ibis.greatest(opportunities.engage_date.max(), opportunities.close_date.max())

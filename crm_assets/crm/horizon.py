"""The data horizon: the last month that a dump covers completely."""

from __future__ import annotations

from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from crm_assets.crm.months import is_month, month_end, month_of, shift

# A weekend, or a quiet day or two, at the end of a month does not make it incomplete.
QUIET_DAYS = 3


def data_horizon(last_event: date) -> str:
    """The last month that is completely covered, given the last dated event of a dump.

    >>> data_horizon(date(2017, 12, 29)), data_horizon(date(2017, 12, 14))
    ('2017-12', '2017-11')
    """
    month = month_of(last_event)
    over = month_end(month) - last_event <= timedelta(days=QUIET_DAYS)
    return month if over else shift(month, -1)


def horizon(opportunities: ir.Table, last_month: str | None) -> str:
    """The data horizon of cleaned deals: what settings say, else what the dates say.

    Args:
        opportunities: columns of `crm.tables.OPPORTUNITIES`.
        last_month: `CRM_LAST_MONTH`: a month, `open` or None.
    """
    if last_month is not None and is_month(last_month):
        return last_month
    return data_horizon(newest_event(opportunities).to_pyarrow().as_py())


def newest_event(opportunities: ir.Table) -> ir.Value:
    """The last dated event of cleaned deals, as an expression."""
    return ibis.greatest(opportunities.engage_date.max(), opportunities.close_date.max())

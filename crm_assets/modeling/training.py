"""The training set: labelled rows of the months that carry information about closing."""

from __future__ import annotations

import ibis.expr.types as ir

from crm_assets.crm.feature_table import LABEL
from crm_assets.crm.months import MonthRange, month_of, shift
from crm_assets.errors import NotEnoughDataError


def first_training_month(opportunities: ir.Table) -> str:
    """The month before the first recorded close: before it, the data knows of no outcome.

    Raises:
        NotEnoughDataError: no deal is closed.
    """
    first_close = opportunities.close_date.min().to_pyarrow().as_py()
    if first_close is None:
        raise NotEnoughDataError(
            "sales_pipeline.csv has no closed deal: nothing can be learned before one is won or lost."
        )
    return shift(month_of(first_close), -1)


def labelled_months(opportunities: ir.Table, horizon: str) -> list[str]:
    """The months from the first training month on whose next month is over.

    Args:
        opportunities: columns of `crm.tables.OPPORTUNITIES`.
        horizon: last month that the data covers completely.

    Raises:
        NotEnoughDataError: no deal is closed.
    """
    return list(MonthRange(first_training_month(opportunities), shift(horizon, -1)))


def training_set(features: ir.Table, opportunities: ir.Table) -> ir.Table:
    """The rows of `win_features` that have a label, from the first training month on.

    Args:
        features: all months of `win_features`.
        opportunities: columns of `crm.tables.OPPORTUNITIES`.

    Returns:
        Columns of `crm.tables.WIN_FEATURES`, sorted by month and deal, without null labels.
    """
    first = first_training_month(opportunities)
    return features.filter(features[LABEL.name].notnull(), features.snapshot_month >= first).order_by(
        ["snapshot_month", "opportunity_id"]
    )

"""The training set: labeled rows of the months that carry information about closing."""

from __future__ import annotations

from collections.abc import Iterable

import ibis.expr.types as ir

from crm_assets.crm.months import MonthRange, month_of, shift
from crm_assets.crm.targets import DEFAULT_TARGET, Target
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


def labeled_months(opportunities: ir.Table, horizon: str, target: Target = DEFAULT_TARGET) -> list[str]:
    """The months from the first training month on whose labels are known.

    Args:
        opportunities: columns of `crm.tables.OPPORTUNITIES`.
        horizon: last month that the data covers completely.
        target: what is labeled.

    Raises:
        NotEnoughDataError: no deal is closed.
    """
    first = first_training_month(opportunities)
    return target.labeled(MonthRange(first, horizon), horizon)


def check_complete(months: list[str], expected: list[str]) -> None:
    """Check that no month is missing between others: models would learn without it, and nobody would know.

    Args:
        months: those at hand.
        expected: those that there ought to be; only those between the first and the last of `months` count.

    Raises:
        NotEnoughDataError: one is missing.
    """
    if not months:
        return
    first, last = min(months), max(months)
    if missing := [month for month in expected if first < month < last and month not in set(months)]:
        raise NotEnoughDataError(
            f"win_features lacks {', '.join(missing)}, between {first} and {last}: models would not learn "
            "from it. Materialize win_features for the months between, then training_set."
        )


def stored_labeled_months(
    stored: Iterable[str], opportunities: ir.Table, horizon: str, target: Target = DEFAULT_TARGET
) -> list[str]:
    """Those of some stored months that can be learned from.

    Args:
        stored: the months of `win_features` that are stored.
        opportunities: columns of `crm.tables.OPPORTUNITIES`.
        horizon: last month that the data covers completely.
        target: what is labeled.

    Raises:
        NotEnoughDataError: no deal is closed, or a month between others is not stored.
    """
    known, labeled = set(stored), labeled_months(opportunities, horizon, target)
    found = [month for month in labeled if month in known]
    check_complete(found, labeled)
    return found


def training_set(features: ir.Table, opportunities: ir.Table, target: Target = DEFAULT_TARGET) -> ir.Table:
    """The rows of `win_features` that have a label, from the first training month on.

    Args:
        features: all months of `win_features`.
        opportunities: columns of `crm.tables.OPPORTUNITIES`.
        target: what is labeled.

    Returns:
        Columns of `crm.tables.WIN_FEATURES`, sorted by month and deal, without null labels.
    """
    first = first_training_month(opportunities)
    return features.filter(features[target.name].notnull(), features.snapshot_month >= first).order_by(
        ["snapshot_month", "opportunity_id"]
    )

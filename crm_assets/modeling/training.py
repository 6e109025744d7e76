"""The training set: labeled rows of the months with information about closing."""

from __future__ import annotations

from collections.abc import Iterable

import ibis.expr.types as ir

from crm_assets.crm.months import MonthRange, month_of, shift
from crm_assets.crm.targets import DEFAULT_TARGET, Target
from crm_assets.errors import NotEnoughDataError


def first_training_month(opportunities: ir.Table) -> str:
    """Return the month before the first recorded close: earlier months have no outcomes.

    Raises:
        NotEnoughDataError: no deal is closed.
    """
    first_close = opportunities.close_date.min().to_pyarrow().as_py()
    if first_close is None:
        raise NotEnoughDataError(
            "sales_pipeline.csv has no closed deal: models can learn only after a deal is won or lost."
        )
    return shift(month_of(first_close), -1)


def labeled_months(opportunities: ir.Table, horizon: str, target: Target = DEFAULT_TARGET) -> list[str]:
    """Return the months with known labels, starting with the first training month.

    Args:
        opportunities: columns of `crm.tables.OPPORTUNITIES`.
        horizon: last month that the data covers completely.
        target: the target of the labels.

    Raises:
        NotEnoughDataError: no deal is closed.
    """
    first = first_training_month(opportunities)
    return target.labeled(MonthRange(first, horizon), horizon)


def check_complete(months: list[str], expected: list[str]) -> None:
    """Check that no month is missing between others: otherwise models would silently learn without it.

    Args:
        months: the available months.
        expected: the expected months; only those between the first and the last of `months` count.

    Raises:
        NotEnoughDataError: a month is missing.
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
    """Return the stored months that have known labels.

    Args:
        stored: the stored months of `win_features`.
        opportunities: columns of `crm.tables.OPPORTUNITIES`.
        horizon: last month that the data covers completely.
        target: the target of the labels.

    Raises:
        NotEnoughDataError: no deal is closed, or a month between others is not stored.
    """
    known, labeled = set(stored), labeled_months(opportunities, horizon, target)
    found = [month for month in labeled if month in known]
    check_complete(found, labeled)
    return found


def training_set(features: ir.Table, opportunities: ir.Table, target: Target = DEFAULT_TARGET) -> ir.Table:
    """Return the rows of `win_features` with a label, starting with the first training month.

    Args:
        features: all months of `win_features`.
        opportunities: columns of `crm.tables.OPPORTUNITIES`.
        target: the target of the labels.

    Returns:
        Columns of `crm.tables.WIN_FEATURES`, sorted by month and deal, without null labels.
    """
    first = first_training_month(opportunities)
    return features.filter(features[target.name].notnull(), features.snapshot_month >= first).order_by(
        ["snapshot_month", "opportunity_id"]
    )

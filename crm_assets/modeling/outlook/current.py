"""The chances of the open deals as of any day: for the rest of its month, the next months, and ever."""

from __future__ import annotations

from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from crm_assets.crm.horizon import newest_event
from crm_assets.crm.months import month_end
from crm_assets.crm.schema import Stage
from crm_assets.crm.tables import CURRENT_PREDICTIONS
from crm_assets.crm.targets import TARGETS
from crm_assets.errors import SettingsError
from crm_assets.modeling.algorithms import closing_hazard
from crm_assets.modeling.hazard.observed import day_numbers
from crm_assets.modeling.outlook.history import COLUMNS, LEVELS, MONTH
from crm_assets.modeling.outlook.walk import EVER, column_of
from crm_assets.modeling.training_rows import DEAL

# The words of `CRM_AS_OF`.
MONTH_END, DATA = "month_end", "data"
REST = "probability_this_month"


def day_of(as_of: str, opportunities: ir.Table, horizon: str) -> date:
    """Return the day that `CRM_AS_OF` asks for.

    Args:
        as_of: `month_end`, `data`, or a day, YYYY-MM-DD.
        opportunities: columns of `crm.tables.OPPORTUNITIES`.
        horizon: last month that the data covers completely.

    Raises:
        SettingsError: the day is after the last event of the data.
    """
    if as_of == MONTH_END:
        return month_end(horizon)
    newest = newest_event(opportunities).to_pyarrow().as_py()
    day = newest if as_of == DATA else date.fromisoformat(as_of)
    if day > max(newest, month_end(horizon)):
        raise SettingsError(
            f"CRM_AS_OF={as_of}: the data ends on {newest}, so nothing is known of later days; choose an "
            f"earlier day, or {DATA}."
        )
    return day


def as_of(opportunities: ir.Table, day: date) -> pd.DataFrame:
    """Return the engaged deals as they stood at the end of a day, with the columns of `COLUMNS` at hand."""
    deals: Any = opportunities.filter(opportunities.engage_date <= day)
    closed = (deals.close_date <= day).fill_null(False)
    known = deals.mutate(
        **{MONTH: ibis.literal(f"{day}")},
        stage=closed.ifelse(deals.stage, Stage.ENGAGING.value),
        close_date=closed.ifelse(deals.close_date, ibis.null("date")),
    )
    names = [name for name in COLUMNS if name in known.columns and name != "close_value"]
    return known.select(names).order_by(DEAL).to_pyarrow().to_pandas(date_as_object=False)


def current_predictions(opportunities: ir.Table, day: date, features: list[str]) -> pd.DataFrame:
    """Return the chances of the deals open at the end of a day.

    They come from the hazard of closing, fitted on what was known that day, and are not calibrated: days have
    no labels of their own. They never fall with the horizon.

    Args:
        opportunities: columns of `crm.tables.OPPORTUNITIES`.
        day: the day.
        features: the features that may be used.

    Returns:
        Columns of `crm.tables.CURRENT_PREDICTIONS`, most likely in the next month first; empty while no deal
        is closed.
    """
    known = as_of(opportunities, day)
    is_open = (known["stage"] == Stage.ENGAGING.value).to_numpy()
    rows = known[is_open]
    if is_open.all() or rows.empty:
        return CURRENT_PREDICTIONS.arrow.empty_table().to_pandas()
    fitted = closing_hazard.build([name for name in features if name in known or name not in COLUMNS], 0)
    fitted = fitted.fit(known)
    days = (np.datetime64(day, "D").astype("int64") - day_numbers(rows["engage_date"])).astype("int64")
    rows = rows.assign(days_open=days)
    chances = fitted.won_within(rows, [0, *(target.months for target in TARGETS), None])
    names = [REST, *(column_of(target) for target in TARGETS), EVER]
    shown = rows[[DEAL, *(level for level in LEVELS if level in rows.columns), "days_open"]]
    found = shown.assign(as_of=f"{day}", **dict(zip(names, chances.T, strict=True)))
    ranked = found.sort_values([names[1], DEAL], ascending=[False, True], ignore_index=True)
    return ranked[CURRENT_PREDICTIONS.having(ranked.columns).names]

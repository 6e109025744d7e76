"""The evidence for a verdict, for people: what the months have, and what rewriting at closing predicts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crm_assets.crm.months import shift
from crm_assets.modeling.cohorts import Moments, standard_errors, within
from crm_assets.modeling.column_audit import (
    ALL_VALUES,
    CLEARLY,
    Deals,
    Window,
    counts,
    engaged_deals,
    merge_of,
)
from crm_assets.modeling.leak_audit import judged_columns
from crm_assets.modeling.levels import Sorting, sortings
from crm_assets.modeling.verdicts import INADMISSIBLE, UNPROVEN

STATUSES = ("open", "won", "lost")
GAINERS = "values that closed deals have more often"


@dataclass(frozen=True)
class Trace:
    """One level of a column over the months of engagement.

    Attributes:
        column: of `opportunities`.
        level: what is followed.
        window: which deals count as closed.
        slope: of the months' shares on what rewriting predicts, as in the audit.
        error: half the width of its 95 % confidence interval.
        months: one row per month: `month`, `deals` and `rate` of each of `STATUSES` (as in `won_rate`),
            `share` of the level among all deals, `if_written_at_closing` and `if_there_from_the_start`.
    """

    column: str
    level: str
    window: Window
    slope: float
    error: float
    months: pd.DataFrame


def traces(audit: pd.DataFrame, opportunities: pd.DataFrame, horizon: str) -> Iterator[Trace]:
    """Yield the evidence against each column that is not admissible, in the order of the audit.

    Args:
        audit: the table `crm.tables.LEAK_AUDIT`.
        opportunities: what the audit judged.
        horizon: last month that the data covers.
    """
    doubted = audit["verdict"].isin((INADMISSIBLE, UNPROVEN)) & audit["delay_days"].notna()
    guilty = audit[doubted].drop_duplicates("column")
    columns = judged_columns(opportunities)
    deals = engaged_deals(opportunities, horizon)
    for row in guilty.to_dict("records"):
        column, level = str(row["column"]), str(row["level"])
        within_days = None if pd.isna(row["within_days"]) else int(row["within_days"])
        window = Window(int(row["delay_days"]), within_days)
        values = columns[column].iloc[deals.rows]
        months = _months(values, level, window, deals)
        shown = GAINERS if level == ALL_VALUES else level
        yield Trace(column, shown, window, float(row["slope"]), float(row["error"]), months)


def _months(values: pd.Series, level: str, window: Window, deals: Deals) -> pd.DataFrame:
    found = list(sortings(values))
    if level == ALL_VALUES:
        sorting, names = found[-1], []
    else:
        sorting = next(sorting for sorting in found if level in sorting.names)
        names = [level]
    counted = counts(sorting, deals).sum(axis=0)
    m = Moments(counted.sum(axis=2), counted, counted).merged(merge_of(window))
    chosen = np.isin(sorting.names, names) if names else _gainers(m, sorting)
    sums = m.sums[:, :, chosen].sum(axis=2, keepdims=True)
    there = m.deals.sum(axis=1) > 0
    m = Moments(m.deals[there], sums[there], sums[there])
    size, time = m.deals.sum(axis=1), np.flatnonzero(there)
    share = m.sums[:, :, 0].sum(axis=1) / size
    effects, _ = within(m)
    predicted = m.deals[:, 1:] @ effects[:, 0] / size
    trend = np.polynomial.Polynomial.fit(time, share, 1, w=np.sqrt(size))(time)
    rest = np.polynomial.Polynomial.fit(time, share - predicted, 1, w=np.sqrt(size))(time)
    with np.errstate(invalid="ignore"):
        rates = m.sums[:, :, 0] / m.deals
    return pd.DataFrame(
        {
            "month": [shift(deals.first_month, int(step)) for step in time],
            **{f"{name}_deals": m.deals[:, place].astype("int64") for place, name in enumerate(STATUSES)},
            **{f"{name}_rate": rates[:, place] for place, name in enumerate(STATUSES)},
            "share": share,
            "if_written_at_closing": predicted + rest,
            "if_there_from_the_start": trend,
        }
    )


def _gainers(m: Moments, sorting: Sorting) -> np.ndarray:
    """Return which levels closed deals clearly have more often than open ones."""
    effects, covariance = within(m)
    weight = m.deals.sum(axis=0)[1:] / max(m.deals[:, 1:].sum(), 1)
    error = standard_errors(weight[None], covariance)[0]
    gains = weight @ effects > CLEARLY * error
    return gains if gains.any() else np.arange(len(sorting.names)) == int(np.argmax(weight @ effects))

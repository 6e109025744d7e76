"""The baseline that a model must beat: the win rate of the season."""

from __future__ import annotations

import pandas as pd

from crm_assets.modeling.folds import lessons
from crm_assets.modeling.training_rows import KEYS, TrainingRows

PLACE = "month_of_quarter"


def seasonal_rate(rows: TrainingRows, months: list[str]) -> pd.DataFrame:
    """Return the walk-forward predictions of the seasonal rate.

    Every deal of month t gets the win rate of the months with known labels that predict the same month of
    the quarter, or the overall rate if there is no such month.

    Returns:
        Columns `snapshot_month`, `opportunity_id`, the target's label, `probability`.
    """
    label = rows.target.name
    parts, tallies = [], {}
    for lesson in lessons(rows, months, [], 0):
        for month in lesson.months:
            if month not in tallies:
                table = rows.rows([month], [PLACE, label])
                tallies[month] = table.groupby(PLACE)[label].agg(wins="sum", deals="count")
        seen = pd.concat([tallies[month] for month in lesson.months]).groupby(level=0).sum()
        overall = seen["wins"].sum() / seen["deals"].sum()
        table = rows.rows([lesson.as_of], [*KEYS, PLACE, label])
        probability = table[PLACE].map(seen["wins"] / seen["deals"]).fillna(overall)
        parts.append(table[[*KEYS, label]].assign(probability=probability.astype("float64")))
    return pd.concat(parts, ignore_index=True)

"""What a model must beat: the win rate that the season alone suggests."""

from __future__ import annotations

import pandas as pd

from crm_assets.crm.feature_table import LABEL
from crm_assets.modeling.backtest import KEYS, folds
from crm_assets.modeling.training_rows import TrainingRows


def seasonal_rate(rows: TrainingRows, months: list[str]) -> pd.DataFrame:
    """Walk-forward predictions of the seasonal rate.

    Every deal of month t gets the win rate of the earlier months that predict the same month of
    the quarter, or the overall rate where there is none.

    Returns:
        Columns `snapshot_month`, `opportunity_id`, `won_next_month`, `probability`.
    """
    wanted = {month for month, _ in folds(rows, months)}
    parts, tallies = [], []
    for month in rows.months:
        table = rows.rows([month])
        if month in wanted:
            seen = pd.concat(tallies).groupby(level=0).sum()
            overall = seen["wins"].sum() / seen["deals"].sum()
            probability = table["month_of_quarter"].map(seen["wins"] / seen["deals"]).fillna(overall)
            parts.append(table[[*KEYS, LABEL.name]].assign(probability=probability.astype("float64")))
        tallies.append(table.groupby("month_of_quarter")[LABEL.name].agg(wins="sum", deals="count"))
    return pd.concat(parts, ignore_index=True)

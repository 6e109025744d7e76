"""What a model must beat: the win rate that the season alone suggests."""

from __future__ import annotations

import pandas as pd

from crm_assets.crm.feature_table import LABEL
from crm_assets.crm.training_rows import TrainingRows
from crm_assets.modeling.backtest import KEYS, folds


def seasonal_rate(rows: TrainingRows, months: list[str]) -> pd.DataFrame:
    """Walk-forward predictions of the seasonal rate.

    Every deal of month t gets the win rate of the earlier months that predict the same month of
    the quarter, or the overall rate where there is none.

    Returns:
        Columns `snapshot_month`, `opportunity_id`, `won_next_month`, `probability`.
    """
    tallies = {month: _tally(rows.rows([month])) for month in rows.months}
    parts = []
    for month, before in folds(rows, months):
        seen = pd.concat(tallies[earlier] for earlier in before).groupby(level=0).sum()
        test = rows.rows([month])
        rates = seen["wins"] / seen["deals"]
        overall = seen["wins"].sum() / seen["deals"].sum()
        probability = test["month_of_quarter"].map(rates).fillna(overall)
        parts.append(test[[*KEYS, LABEL.name]].assign(probability=probability.astype("float64")))
    return pd.concat(parts, ignore_index=True)


def _tally(table: pd.DataFrame) -> pd.DataFrame:
    """Wins and deals by month of the quarter."""
    return table.groupby("month_of_quarter")[LABEL.name].agg(wins="sum", deals="count")

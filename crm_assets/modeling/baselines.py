"""What a model must beat: the win rate that the season alone suggests."""

from __future__ import annotations

import pandas as pd

from crm_assets.crm.feature_table import LABEL
from crm_assets.modeling.backtest import KEYS, folds


def seasonal_rate(table: pd.DataFrame, months: list[str]) -> pd.DataFrame:
    """Walk-forward predictions of the seasonal rate.

    Every deal of month t gets the win rate of the earlier months that predict the same month of
    the quarter, or the overall rate where there is none.

    Returns:
        Columns `snapshot_month`, `opportunity_id`, `won_next_month`, `probability`.
    """
    parts = []
    for _, train, test in folds(table, months):
        rates = train.groupby("month_of_quarter")[LABEL.name].mean()
        probability = test["month_of_quarter"].map(rates).fillna(train[LABEL.name].mean())
        parts.append(test[[*KEYS, LABEL.name]].assign(probability=probability.astype("float64")))
    return pd.concat(parts, ignore_index=True)

"""A sample of the training rows, for algorithms that cannot take them all."""

from __future__ import annotations

import numpy as np
import pandas as pd


def training_sample(table: pd.DataFrame, max_rows: int, seed: int) -> pd.DataFrame:
    """At most `max_rows` rows, of each month at most an equal share of them.

    Which rows is settled by month, deal and seed alone: the same month gives the same deals whatever
    months there are beside it, only fewer of them where there are more.

    Args:
        table: rows with `snapshot_month` and `opportunity_id`.
        max_rows: up to as many rows the table is taken as it is.
        seed: decides which rows are drawn.

    Returns:
        The rows in their order.
    """
    if len(table) <= max_rows:
        return table
    months = table["snapshot_month"].to_numpy()
    names = np.unique(months)
    share = max_rows // len(names)
    kept = np.zeros(len(table), dtype=bool)
    for month in names:
        rows = np.flatnonzero(months == month)
        # 16 bytes of key are what the hash takes.
        key = f"{seed:>9}{month}"[-16:].rjust(16)
        lot = pd.util.hash_array(table["opportunity_id"].to_numpy()[rows], hash_key=key, categorize=False)
        kept[rows[np.argsort(lot, kind="stable")[:share]]] = True
    return table[kept]

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
    names, counts = np.unique(months, return_counts=True)
    share = share_of_month(counts.tolist(), max_rows)
    kept = np.zeros(len(table), dtype=bool)
    for month in names:
        rows = np.flatnonzero(months == month)
        kept[rows[drawn(table["opportunity_id"].to_numpy()[rows], month, share, seed)]] = True
    return table[kept]


def share_of_month(rows: list[int], max_rows: int) -> int:
    """How many rows a month may give, of months with so many rows."""
    return max(rows, default=0) if sum(rows) <= max_rows else max_rows // len(rows)


def drawn(deals: np.ndarray, month: str, share: int, seed: int) -> np.ndarray:
    """The places of the deals that are drawn, at most `share`, in order.

    Args:
        deals: identifiers of a month's deals, shape (n,).
        month: `YYYY-MM`.
        share: how many are drawn.
        seed: decides which.
    """
    # 16 bytes of key are what the hash takes.
    key = f"{seed:>9}{month}"[-16:].rjust(16)
    lots = pd.util.hash_array(deals, hash_key=key, categorize=False)
    return np.sort(np.argsort(lots, kind="stable")[:share])

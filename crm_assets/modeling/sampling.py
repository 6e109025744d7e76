"""A sample of the training rows, for algorithms that cannot take all of them."""

from __future__ import annotations

import numpy as np
import pandas as pd


def training_sample(table: pd.DataFrame, max_rows: int, seed: int) -> pd.DataFrame:
    """Return at most `max_rows` rows, at most an equal share of them from each month.

    The draw depends only on month, deal and seed. Other months only change how many deals a month gives: a
    smaller share is part of the larger one.

    Args:
        table: rows with `snapshot_month` and `opportunity_id`.
        max_rows: a table with at most this many rows is returned whole.
        seed: decides which rows are drawn.

    Returns:
        The rows in their original order.
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
    """Return how many rows each month may give, from the row counts of the months."""
    return max(rows, default=0) if sum(rows) <= max_rows else max_rows // len(rows)


def drawn(deals: np.ndarray, month: str, share: int, seed: int) -> np.ndarray:
    """Return the positions of the drawn deals, at most `share`, in order.

    Args:
        deals: identifiers of a month's deals, shape (n,).
        month: `YYYY-MM`.
        share: how many deals to draw.
        seed: decides which deals are drawn.
    """
    # The hash needs a key of 16 bytes.
    key = f"{seed:>9}{month}"[-16:].rjust(16)
    lots = pd.util.hash_array(deals, hash_key=key, categorize=False)
    return np.sort(np.argsort(lots, kind="stable")[:share])

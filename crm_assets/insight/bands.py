"""Bands A to D of open deals, by the chance to be won within the longest horizon, and their trend."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from crm_assets.crm.targets import TARGETS
from crm_assets.modeling.outlook.walk import column_of

BANDS = ("A", "B", "C", "D")
# A single month depends on the season: in some, hardly any deal is won, and all deals would share a band.
HORIZON = TARGETS[-1]
UP, DOWN, STEADY, NEW = "up", "down", "steady", "new"
# Smaller changes of the probability are no trend.
STEP = 0.02


def banded_by(deals: pd.DataFrame) -> pd.Series:
    """Return the probability that decides each deal's band.

    It is the one of the longest horizon; while no deal is closed there is none, and next month's counts.

    Args:
        deals: columns of `crm.tables.WIN_PREDICTIONS`.
    """
    column = column_of(HORIZON)
    return deals[column].fillna(deals["probability"]) if column in deals else deals["probability"]


def bands(deals: pd.DataFrame, limits: Sequence[float]) -> pd.Series:
    """Return the band of each deal.

    Args:
        deals: columns of `crm.tables.WIN_PREDICTIONS`.
        limits: `CRM_BAND_LIMITS`, the lowest probabilities of A, B and C.
    """
    place = np.searchsorted(sorted(limits), banded_by(deals).to_numpy(dtype="float64"), side="right")
    return pd.Series(np.array(BANDS[::-1], dtype=object)[place], index=deals.index, name="band", dtype=object)


def band(probability: float, limits: Sequence[float]) -> str:
    """Return the band of one probability.

    >>> [band(p, (0.4, 0.2, 0.05)) for p in (0.4, 0.39, 0.05, 0.01)]
    ['A', 'B', 'C', 'D']
    """
    return BANDS[::-1][bisect_right(sorted(limits), probability)]


def trends(now: pd.DataFrame, before: pd.DataFrame) -> pd.Series:
    """Return whether each deal's chance rose or fell since an earlier month: `up`, `down`, `steady` or `new`.

    Args:
        now: columns of `crm.tables.WIN_PREDICTIONS`.
        before: the same of an earlier month.
    """
    earlier: Mapping[Any, float] = dict(zip(before["opportunity_id"], banded_by(before), strict=True))
    was = now["opportunity_id"].map(earlier).astype("float64")
    change = banded_by(now) - was
    words = np.select([was.isna(), change >= STEP, change <= -STEP], [NEW, UP, DOWN], STEADY)
    return pd.Series(words, index=now.index, name="trend", dtype=object)

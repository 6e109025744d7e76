"""Intervals of a forecast: the deals' own chances, and how far past months strayed from their forecast."""

from __future__ import annotations

import numpy as np

from crm_assets.modeling.outlook.cells import Cells
from crm_assets.modeling.outlook.combine import MONTHS_TO_SPREAD, TAIL, bounds, spread
from crm_assets.modeling.outlook.past import WINS, Said

Bounds = tuple[np.ndarray, np.ndarray]


def interval(cells: Cells, row: Said, past: list[Said], part: str, measure: str) -> Bounds | None:
    """Return the bounds of the 80 % interval of every cell, or None if too few past months are known.

    Args:
        cells: the cells.
        row: the forecast.
        past: the forecasts whose outcome was known when it was made.
        part: open deals, new business or total.
        measure: wins or revenue.
    """
    lived = [other for other in past if other.came is not None]
    if len(lived) < MONTHS_TO_SPREAD:
        return None
    key = part, measure
    said = np.stack([other.mean[key] for other in lived])
    own = np.stack([other.own[key] for other in lived])
    came = np.stack([other.came[key] for other in lived if other.came is not None])
    mean, variance = row.mean[key], row.own[key].copy()
    for level in np.unique(cells.level_of):
        at = cells.level_of == level
        beyond = spread(said[:, at].ravel(), came[:, at].ravel(), own[:, at].ravel(), len(lived))
        variance[at] += (beyond or 0.0) * mean[at] ** 2
    low, high = bounds(mean, variance)
    if measure == WINS:
        return np.floor(low + 0.5), np.floor(high + 0.5)
    # Where no win at all is likely enough, no revenue is.
    return np.where(np.exp(-row.mean[part, WINS]) >= TAIL, 0.0, low), high

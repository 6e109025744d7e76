"""How often deals with a predicted chance were won, over past months."""

from __future__ import annotations

import pandas as pd

from crm_assets.crm.targets import DEFAULT_TARGET
from crm_assets.insight.ranked import DEAL
from crm_assets.insight.reading import Reader

EDGES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0)


def calibration(reader: Reader) -> pd.DataFrame:
    """Return by class of predicted chance: deals, mean prediction, and the share that was won.

    It covers all stored months whose outcome is known; past months were scored by models that had not seen
    them.

    Returns:
        Columns `chance`, `deals`, `predicted`, `won`; classes without deals are left out.
    """
    parts = []
    for month in reader.months():
        labels = reader.features(month)[[DEAL, DEFAULT_TARGET.name]].dropna()
        if not labels.empty:
            parts.append(reader.predictions(month)[[DEAL, "probability"]].merge(labels, on=DEAL))
    if not parts:
        return pd.DataFrame()
    rows = pd.concat(parts, ignore_index=True)
    classes = pd.cut(rows["probability"], list(EDGES), include_lowest=True)
    found = rows.groupby(classes, observed=True).agg(
        deals=("probability", "size"), predicted=("probability", "mean"), won=(DEFAULT_TARGET.name, "mean")
    )
    names = [f"{100 * max(0, one.left):.0f} to {100 * one.right:.0f} %" for one in found.index]
    return found.assign(chance=names).reset_index(drop=True)[["chance", "deals", "predicted", "won"]]

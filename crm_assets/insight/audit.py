"""The verdicts of the leak audit as people read them."""

from __future__ import annotations

import pandas as pd

from crm_assets.modeling.verdicts import ADMISSIBLE, WORST_FIRST, worst_first


def findings(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return the features of each verdict in one row, the worst verdict first; long texts wrap in tables."""
    named = {verdict: verdicts.loc[verdicts["verdict"] == verdict, "feature"] for verdict in WORST_FIRST}
    found = [(verdict, len(names), ", ".join(names)) for verdict, names in named.items() if len(names)]
    rest = len(verdicts) - sum(count for _, count, _ in found)
    return pd.DataFrame(
        [*found, (ADMISSIBLE, rest, "all others" if found else "all")],
        columns=pd.Index(["verdict", "count", "features"]),
    )


def shown(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return the verdicts, the worst first, since a preview shows only the first rows, with their price."""
    rows = worst_first(verdicts)
    rows = rows.assign(price=rows["auc_with"] - rows["auc_without"])
    figures = ["slope", "error", "price", "auc_without", "auc_with", "brier_without", "brier_with"]
    return rows[["feature", "verdict", "used", "reason", *figures]]

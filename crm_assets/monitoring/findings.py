"""The table `drift_report`, made of the verdicts on a month."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import pandas as pd

from crm_assets.monitoring.drift import Judged
from crm_assets.monitoring.drift_table import DRIFT_REPORT


def drift_report(
    verdicts: Sequence[Judged], month: str, made_from: Callable[[str], Iterable[str]] = lambda _: ()
) -> pd.DataFrame:
    """Return the columns of `DRIFT_REPORT`, what drifted first.

    Args:
        verdicts: what `judged` returned.
        month: the month.
        made_from: returns the columns that a column is made from or looked up by.
    """
    flagged = {str(one.column) for one in verdicts if one.row["flagged"]}
    rows = []
    for one in verdicts:
        roots = [name for name in made_from(one.column) if name in flagged and name != one.column]
        follows = roots[0] if roots and one.row["flagged"] else None
        rows.append({"snapshot_month": month, **one.row, "follows": follows})
    frame = pd.DataFrame(rows, columns=pd.Index(DRIFT_REPORT.names))
    if frame.empty:
        return frame
    frame["itself"] = frame["flagged"] & frame["follows"].isna()
    order = ["flagged", "itself", "strength", "column", "population"]
    return frame.sort_values(order, ascending=[False, False, False, True, True]).drop(columns="itself")

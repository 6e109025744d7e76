"""Proof by history: which columns change when deals close, as archived dumps show it.

A column is convicted if its values change at closing, or in the half year after it, clearly more often than
those of deals that stay open between the same two dumps. The excess is a difference of shares, weighted over
pairs of dumps (Mantel and Haenszel; Greenland and Robins 1985), so that a reorganization that changes all
deals at once convicts nothing. A column is cleared if it hardly changes at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import beta, norm

from crm_assets.crm.history import AFTER_CLOSING, AT_CLOSING, BEFORE_CLOSING
from crm_assets.crm.schema import CLOSED_STAGES
from crm_assets.modeling.verdicts import (
    ADMISSIBLE,
    FALSE_ALARM,
    INADMISSIBLE,
    MAX_CHANGES_IF_CLEARED,
    MIN_EXCESS,
    MIN_TIMES_AS_OFTEN,
)

# Chance that a column that changes as often as allowed, or more often, is cleared.
CLEARED_BY_MISTAKE = 0.05
COLUMNS = ["column", "verdict", "reason", "closings", "changed_at_closing", "changed_before_closing"]


@dataclass(frozen=True)
class Excess:
    """How much more often a column changes for some deals than for those that stay open.

    Attributes:
        of: the deals, in words.
        deals: how many there are, over all pairs of dumps.
        share: of them whose value changed.
        share_open: the same of the deals that stay open, weighted alike.
        low: lower limit of the difference.
    """

    of: str
    deals: int
    share: float
    share_open: float
    low: float

    @property
    def convicts(self) -> bool:
        """Whether the difference proves that closing changes the column."""
        return self.low > MIN_EXCESS and self.share >= MIN_TIMES_AS_OFTEN * self.share_open


def told_by_history(rates: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Judge columns by how often they changed between dumps.

    Args:
        rates: columns of `crm.history.CHANGE_RATES`.
        columns: the columns to judge.

    Returns:
        One row per column that history convicts or clears: `COLUMNS`, indexed by column.
    """
    rows = []
    for column in columns:
        own = rates[rates["column"] == column]
        found = list(_excesses(own, len(columns)))
        guilty = max((one for one in found if one.convicts), key=lambda one: one.low, default=None)
        cleared = guilty is None and _hardly_changes(own)
        if guilty or cleared:
            closings = own[own["moment"] == AT_CLOSING]
            rows.append(
                {
                    "column": column,
                    "verdict": INADMISSIBLE if guilty else ADMISSIBLE,
                    "reason": _sentence(guilty) if guilty else "",
                    "closings": int(closings["deals"].sum()),
                    "changed_at_closing": _share(closings),
                    "changed_before_closing": _share(own[own["moment"] == BEFORE_CLOSING]),
                }
            )
    return pd.DataFrame(rows, columns=pd.Index(COLUMNS)).set_index("column", drop=False)


def _excesses(rates: pd.DataFrame, columns: int) -> Iterator[Excess]:
    """Yield the excess of each group of deals for which closing may have changed a column."""
    at, after = rates[rates["moment"] == AT_CLOSING], rates[rates["moment"] == AFTER_CLOSING]
    groups = [("deals that closed", at)]
    groups += [(f"deals that were {s.value.lower()}", at[at["outcome"] == s.value]) for s in CLOSED_STAGES]
    groups += [
        (f"deals closed up to {days:.0f} days before", after[after["days_after"] == days])
        for days in sorted(after["days_after"].dropna().unique())
    ]
    still_open = rates[rates["moment"] == BEFORE_CLOSING]
    # Each group of each column is one chance to convict by mistake.
    z = float(norm.isf(FALSE_ALARM / (columns * max(len(groups), 1))))
    for of, group in groups:
        if found := _excess(of, group, still_open, z):
            yield found


def _excess(of: str, group: pd.DataFrame, still_open: pd.DataFrame, z: float) -> Excess | None:
    own, base = (part.groupby("until")[["deals", "changed"]].sum() for part in (group, still_open))
    both = own.join(base, rsuffix="_open", how="inner")
    if both.empty:
        return None
    n, x = both["deals"].to_numpy("float64"), both["changed"].to_numpy("float64")
    m, y = both["deals_open"].to_numpy("float64"), both["changed_open"].to_numpy("float64")
    weight = n * m / (n + m)
    share, share_open = weight @ (x / n) / weight.sum(), weight @ (y / m) / weight.sum()
    # One more change and one more value that stays, so that no change at all is not certainty.
    p, q = (x + 1) / (n + 2), (y + 1) / (m + 2)
    error = np.sqrt(weight**2 @ (p * (1 - p) / n + q * (1 - q) / m)) / weight.sum()
    return Excess(of, int(n.sum()), float(share), float(share_open), float(share - share_open - z * error))


def _hardly_changes(rates: pd.DataFrame) -> bool:
    """Return whether enough deals were won and lost, and hardly any value changed, then or later."""
    at = rates[rates["moment"] == AT_CLOSING]
    for stage in CLOSED_STAGES:
        closed = at[at["outcome"] == stage.value]
        n, x = int(closed["deals"].sum()), int(closed["changed"].sum())
        # Clopper and Pearson's limit: with no change at all, 149 deals are enough.
        if x >= n or beta.ppf(1 - CLEARED_BY_MISTAKE, x + 1, n - x) > MAX_CHANGES_IF_CLEARED:
            return False
    others = rates[rates["moment"].isin([BEFORE_CLOSING, AFTER_CLOSING])]
    shares = others.groupby(["moment", "days_after"], dropna=False)[["deals", "changed"]].sum()
    return bool((shares["changed"] <= MAX_CHANGES_IF_CLEARED * shares["deals"]).all())


def _share(rates: pd.DataFrame) -> float:
    deals = rates["deals"].sum()
    return float(rates["changed"].sum() / deals) if deals else float("nan")


def _sentence(found: Excess) -> str:
    return (
        f"which changed between dumps on {found.share:.1%} of the {found.deals:,} {found.of}, and on "
        f"{found.share_open:.1%} of those that stayed open"
    )

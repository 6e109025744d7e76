"""What became of past deals that had been open as long as a deal is now: the fact behind its age."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import pandas as pd

from crm_assets.crm.tables import TRAINING_SET
from crm_assets.crm.targets import DEFAULT_TARGET
from crm_assets.insight.reading import Reader

# The first day of each class of ages.
STARTS = (0, 15, 31, 61, 91, 121, 181, 271)
# Fewer deals than this say nothing.
ENOUGH = 20


@dataclass(frozen=True)
class AgeFacts:
    """How many past deals of each class of ages were open at a month's end, and won in the month after.

    Attributes:
        deals: deals by class of `STARTS`.
        won: those that were won.
    """

    deals: tuple[int, ...]
    won: tuple[int, ...]

    def said(self, days_open: int) -> str | None:
        """Return the fact about deals that have been open for so many days; None if there were too few.

        >>> AgeFacts((0, 0, 0, 0, 200) + (0,) * 3, (0, 0, 0, 0, 8) + (0,) * 3).said(96)
        'of 200 past deals open 91 to 120 days, 4.0 % were won the month after'
        """
        place = bisect_right(STARTS, days_open) - 1
        if place < 0 or self.deals[place] < ENOUGH:
            return None
        first = STARTS[place]
        age = f"{first} to {STARTS[place + 1] - 1}" if place + 1 < len(STARTS) else f"{first} or more"
        share = self.won[place] / self.deals[place]
        deals = f"of {self.deals[place]:,} past deals open {age} days"
        return f"{deals}, {100 * share:.1f} % were won the month after"


NO_FACTS = AgeFacts((0,) * len(STARTS), (0,) * len(STARTS))


def age_facts(reader: Reader, month: str) -> AgeFacts:
    """Count what became of the deals of earlier months, as known at the end of `month`.

    The counts are sums over all deals, whatever the reader's scope: they name nobody.
    """
    if not reader.store.has(TRAINING_SET.name):
        return NO_FACTS
    rows = reader.store.read(TRAINING_SET.name)
    known = rows.filter(rows.snapshot_month <= DEFAULT_TARGET.last_labeled(month))
    counts: pd.DataFrame = reader.store.to_pandas(
        known.group_by("days_open").agg(deals=known.count(), won=known[DEFAULT_TARGET.name].sum())
    )
    place = counts["days_open"].map(lambda days: bisect_right(STARTS, days) - 1)
    sums = counts.groupby(place)[["deals", "won"]].sum().reindex(range(len(STARTS)), fill_value=0)
    return AgeFacts(tuple(map(int, sums["deals"])), tuple(map(int, sums["won"])))

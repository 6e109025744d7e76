"""What came of a month's forecast, as a later snapshot knows it, and what a calendar would have said."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from crm_assets.crm.months import MonthRange, month_of_quarter, shift
from crm_assets.crm.targets import DEFAULT_TARGET, Target
from crm_assets.modeling.baselines import season_of
from crm_assets.modeling.outlook import past
from crm_assets.modeling.outlook.cells import Cells
from crm_assets.modeling.outlook.history import History
from crm_assets.modeling.outlook.past import SEASON
from crm_assets.modeling.training_rows import DEAL


@dataclass(frozen=True)
class Outcome:
    """What came in a month, or in the months that were forecast together.

    Attributes:
        history: the deals of the snapshot of the month, or of a later one.
        month: the month that was forecast, the last of them, `YYYY-MM`; it is over.
        target: what was forecast; it says how many months.
    """

    history: History
    month: str
    target: Target = DEFAULT_TARGET

    @property
    def said_in(self) -> str:
        """The month at whose end the forecast was made."""
        return self.target.last_labeled(self.month)

    @cached_property
    def cells(self) -> Cells:
        """The total, and each level and name; the same object for all months of a history."""
        return self.history.once(("cells",), lambda: Cells(self.history))

    def came(self) -> pd.DataFrame:
        """Return what was won in the month by level and name.

        Returns:
            Columns `level`, `name`, and the wins and revenue of each part of a forecast: `total_wins`, ...
        """
        return self._sums(self.said_in)

    def season(self) -> pd.DataFrame | None:
        """Return what was won in the same months a season ago; None if not all of it was recorded.

        That is the last season of which all was known when the forecast was made. The columns are those of
        `came`.
        """
        before = shift(self.said_in, -SEASON * math.ceil(self.target.months / SEASON))
        recorded = self.history.months
        return self._sums(before) if recorded and shift(before, 1) >= recorded[0] else None

    def _sums(self, said_in: str) -> pd.DataFrame:
        found = past.came(self.history, self.cells, said_in, self.target.months)
        return self.cells.table.assign(
            **{f"{part}_{measure}": sums for (part, measure), sums in found.items()}
        )

    def of_deals(self, deals: pd.Series) -> np.ndarray:
        """Return 1 for deals that were won by then, 0 for others, NaN for unknown deals, shape (n,).

        Args:
            deals: identifiers of deals that were open when the forecast was made.
        """
        known = self.history.once(("index",), lambda: pd.Index(self.history.deals[DEAL].astype("object")))
        place = known.get_indexer(pd.Index(deals.astype("object")))
        won = self.history.won_within(self.said_in, self.target.months)
        return np.where(place < 0, np.nan, won[place]) if len(won) else np.full(len(deals), np.nan)

    def seasonal_rate(self) -> float | None:
        """Return the share of open deals that the season lets expect; None while no month tells.

        It is the baseline `modeling.baselines`, of the months whose outcome was known when the forecast was
        made.
        """
        recorded = self.history.months
        if not recorded:
            return None
        # The month before the first close is the first whose outcome is known, as in training.
        known = MonthRange(shift(recorded[0], -1), self.target.last_labeled(self.said_in))
        months = list(known)
        if not months:
            return None
        rates = season_of(self._tally(month) for month in months)
        return float(rates.rates.get(self._place(self.said_in), rates.overall))

    def _tally(self, month: str) -> pd.DataFrame:
        def count() -> pd.DataFrame:
            open_then = self.history.open_at(month)
            won = (open_then & self.history.won_within(month, self.target.months)).sum()
            return pd.DataFrame(
                {"wins": [won], "deals": [open_then.sum()]}, index=pd.Index([self._place(month)])
            )

        return self.history.once(("tally", month, self.target.name), count)

    def _place(self, month: str) -> int:
        return month_of_quarter(shift(month, 1))

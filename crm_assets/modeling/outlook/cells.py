"""Sums of deals in total and by agent, manager, region and product, all in one row of cells."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from crm_assets.modeling.outlook.history import History

TOTAL, ALL_DEALS = "total", "all deals"


@dataclass(frozen=True)
class Cells:
    """The cells of a forecast: the total first, then by level the names of the deals, C cells.

    Attributes:
        history: the deals.
    """

    history: History

    @cached_property
    def _coded(self) -> list[tuple[str, np.ndarray, list[str | None]]]:
        """Return each level with the code of each deal and the names; a missing name is one too."""
        found: list[tuple[str, np.ndarray, list[str | None]]] = [
            (TOTAL, np.zeros(len(self.history.deals), dtype="int64"), [ALL_DEALS])
        ]
        for level in self.history.levels:
            column = self.history.deals[level].astype("object")
            codes, names = pd.factorize(column.where(column.notna(), None), sort=False)
            order = np.argsort(np.array([str(name) for name in names], dtype=object), kind="stable")
            rank = np.empty(len(names) + 1, dtype="int64")
            rank[order], rank[-1] = np.arange(len(names)), len(names)
            shown: list[str | None] = [str(names[place]) for place in order]
            found.append((level, rank[codes], [*shown, None] if (codes < 0).any() else shown))
        return found

    @cached_property
    def table(self) -> pd.DataFrame:
        """The cells: columns `level` and `name`."""
        return pd.concat(
            [pd.DataFrame({"level": level, "name": names}, dtype=object) for level, _, names in self._coded],
            ignore_index=True,
        )

    @cached_property
    def level_of(self) -> np.ndarray:
        """The number of each cell's level, 0 for the total, shape (C,)."""
        return np.repeat(np.arange(len(self._coded)), [len(names) for _, _, names in self._coded])

    def sums(self, deals: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        """Return the sum of weights, or the number of deals, by cell, shape (C,).

        Args:
            deals: which deals, as positions or a mask.
            weights: one per chosen deal; None counts them.
        """
        parts = [
            np.bincount(codes[deals], weights=weights, minlength=len(names))
            for _, codes, names in self._coded
        ]
        return np.concatenate(parts).astype("float64")

    def shared(self, weights: np.ndarray) -> np.ndarray:
        """Return weights as shares of their level, so that every level adds up to 1, shape (C,)."""
        totals = np.bincount(self.level_of, weights=weights)[self.level_of]
        evenly = 1 / np.bincount(self.level_of)[self.level_of]
        return np.where(totals > 0, weights / np.where(totals > 0, totals, 1.0), evenly)

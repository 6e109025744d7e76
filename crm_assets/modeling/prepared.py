"""A fitted algorithm made ready for deals of one month that come a few at a time.

A table per request costs more than most models: pandas takes a millisecond for one row of 23 features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np

    from crm_assets.modeling.algorithm import Algorithm

# The features of one deal by name; None for missing values.
Row = Mapping[str, Any]


class Prepared(Protocol):
    """Scores and explains deals of one month, given as rows; the same as with a matrix of them."""

    def given(self, rows: Sequence[Row]) -> Any:
        """Return rows in the form that the other methods take."""
        ...

    def scores(self, given: Any) -> np.ndarray:
        """Return the win score of each row, shape (n,), as `Algorithm.scores` does."""
        ...

    def contributions(self, given: Any) -> np.ndarray:
        """Return the push of each feature, shape (n, features), as `Algorithm.contributions` does."""
        ...


@dataclass(frozen=True)
class ByMatrix:
    """Makes a matrix of the rows: right for every algorithm."""

    algorithm: Algorithm
    fitted: Any
    features: list[str]

    def given(self, rows: Sequence[Row]) -> Any:
        """Return the matrix of the rows."""
        return self.algorithm.matrix_of(rows, self.features)

    def scores(self, given: Any) -> np.ndarray:
        """Return the win score of each row."""
        return self.algorithm.scores(self.fitted, given)

    def contributions(self, given: Any) -> np.ndarray:
        """Return the push of each feature."""
        return self.algorithm.contributions(self.fitted, given, self.features)

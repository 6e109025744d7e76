"""What a column is worth: how well the validation months are foretold with it and without it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd

from crm_assets.modeling.algorithm import TRAINING_ROWS
from crm_assets.modeling.algorithms import ALGORITHMS
from crm_assets.modeling.folds import learn, lessons
from crm_assets.modeling.metrics import pooled
from crm_assets.modeling.training_rows import KEYS, TrainingRows

# The simplest algorithm, on a part of the rows where they are many: the price is a difference of two of its
# scores, and a hundredth of ROC AUC is what matters.
MAX_ROWS = 10_000
CHEAP = replace(
    next(row for row in ALGORITHMS if row.learns_from == TRAINING_ROWS), max_training_rows=MAX_ROWS
)


@dataclass(frozen=True)
class Worth:
    """Validation scores of a walk-forward without some features and with them; NaN where there is none."""

    auc_without: float = float("nan")
    auc_with: float = float("nan")
    brier_without: float = float("nan")
    brier_with: float = float("nan")

    @property
    def price(self) -> float:
        """ROC AUC that is lost without them."""
        return self.auc_with - self.auc_without


class Prices:
    """Prices of groups of features, beside the same other features.

    Args:
        rows: the training set.
        months: the validation months; without any, no group has a price.
        base: the features beside which all groups are priced.
        seed: of everything random.
    """

    def __init__(self, rows: TrainingRows, months: list[str], base: list[str], seed: int) -> None:
        self._rows, self._months, self._base, self._seed = rows, months, base, seed
        self._known: dict[tuple[str, ...], tuple[float, float]] = {}

    def of(self, features: list[str]) -> Worth:
        """Return what these features are worth."""
        if not self._months or not self._base:
            return Worth()
        without, including = self._scores(self._base), self._scores([*self._base, *features])
        return Worth(without[0], including[0], without[1], including[1])

    def _scores(self, features: list[str]) -> tuple[float, float]:
        key = tuple(features)
        if key not in self._known:
            found = pooled(self._walk_forward(features), self._months)
            self._known[key] = found["roc_auc"], found["brier"]
        return self._known[key]

    def _walk_forward(self, features: list[str]) -> pd.DataFrame:
        rows, seed, parts = self._rows, self._seed, []
        for lesson in lessons(rows, self._months, features, seed):
            fitted = learn(CHEAP, lesson)
            test = rows.sample([lesson.as_of], MAX_ROWS, seed)
            probability = CHEAP.scores(fitted, CHEAP.matrix(test, features))
            parts.append(test[[*KEYS, rows.target.name]].assign(probability=probability))
        return pd.concat(parts, ignore_index=True)

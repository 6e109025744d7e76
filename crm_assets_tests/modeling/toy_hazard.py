"""A toy algorithm that learns from the month's snapshot: the share of won deals by product."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin

from crm_assets.crm.months import month_end
from crm_assets.modeling.algorithm import SNAPSHOT, Algorithm


class WonShare(ClassifierMixin, BaseEstimator):
    """Predict the win rate of the product's closed deals, halved for deals engaged in the last month."""

    def fit(self, X: pd.DataFrame, y: None = None) -> Self:
        closed = X[X["stage"].isin(["Won", "Lost"])]
        self.share_ = (closed["stage"] == "Won").groupby(closed["product"]).mean().to_dict()
        self.rest_ = float((closed["stage"] == "Won").mean())
        self.classes_ = np.array([0, 1])
        return self

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        won = np.array([self.share_.get(product, self.rest_) for product in X["product"].astype(str)])
        days = np.array([month_end(month).day for month in X["snapshot_month"]])
        won = np.where(X["days_open"] < days, won / 2, won)
        return np.column_stack([1 - won, won])


def contributions(fitted: Any, matrix: pd.DataFrame, features: list[str]) -> np.ndarray:
    pushes = np.zeros((len(matrix), len(features)))
    pushes[:, features.index("product")] = fitted.predict_proba(matrix)[:, 1] - fitted.rest_
    return pushes


ALGORITHM = Algorithm(
    name="toy_hazard",
    description="A toy that learns from snapshots.",
    complexity=3,
    build=lambda features, seed: WonShare(),
    contributions=contributions,
    learns_from=SNAPSHOT,
    reads=("snapshot_month",),
    trusted_types=(f"{__name__}.WonShare",),
)

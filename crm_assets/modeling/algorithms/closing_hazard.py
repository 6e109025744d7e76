"""The daily hazard of closing, fitted on the snapshot alone: how fast deals close, whether ever, and won."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from crm_assets.modeling.algorithm import SNAPSHOT, Algorithm
from crm_assets.modeling.hazard.factors import AGE, COHORT, GROUP, PRODUCT, SEASON
from crm_assets.modeling.hazard.observed import SNAPSHOT_COLUMNS
from crm_assets.modeling.hazard.smoothing import SMOOTHING, Smoothing
from crm_assets.modeling.prepared import Row
from crm_assets.modeling.space import Parameter

if TYPE_CHECKING:
    from crm_assets.modeling.hazard.estimator import ClosingHazard
    from crm_assets.modeling.hazard.reach import Deals

# It pools by the first of these that may be used.
GROUPS, PRODUCTS = ("sales_agent", "manager", "regional_office"), ("product", "product_series")
# The feature that a factor is told as. A cohort is the group's deals of one time, so it counts half for each.
AGE_FEATURE, SEASON_FEATURE = "days_open", "month_of_quarter"


def build(
    features: list[str],
    seed: int,
    *,
    width: float = SMOOTHING.width,
    growth: float = SMOOTHING.growth,
    season: float = SMOOTHING.season,
    cohort: float = SMOOTHING.cohort,
    window: float = SMOOTHING.window,
    won: float = SMOOTHING.won,
) -> ClosingHazard:
    """Build an estimator that uses only what the features reveal; it has nothing random."""
    from crm_assets.modeling.hazard.estimator import ClosingHazard

    group, product = _first(GROUPS, features), _first(PRODUCTS, features)
    aged = AGE_FEATURE in features
    used = {AGE: aged, SEASON: SEASON_FEATURE in features, GROUP: group, COHORT: aged, PRODUCT: product}
    factors = tuple(factor for factor, there in used.items() if there)
    how = Smoothing(width, growth, season, SMOOTHING.group, cohort, window, won)
    return ClosingHazard(group, product, factors, smoothing=None if how == SMOOTHING else asdict(how))


def contributions(fitted: ClosingHazard, matrix: pd.DataFrame, features: list[str]) -> np.ndarray:
    """Return the exact pushes of age, season, group, cohort and product, in log-odds, by feature."""
    return _by_feature(fitted, fitted.pushes(matrix).to_numpy(), features)


def _by_feature(fitted: ClosingHazard, pushes: np.ndarray, features: list[str]) -> np.ndarray:
    owners: dict[str, tuple[str | None, ...]] = {
        AGE: (AGE_FEATURE,),
        SEASON: (SEASON_FEATURE,),
        GROUP: (fitted.group,),
        COHORT: (AGE_FEATURE, fitted.group),
        PRODUCT: (fitted.product,),
    }
    found = np.zeros((len(pushes), len(features)))
    for factor, push in zip(fitted.factors, pushes.T, strict=True):
        names = [name for name in owners[factor] if name is not None]
        for name in names:
            found[:, features.index(name)] += push / len(names)
    return found


class Rows:
    """The deals of one month: what they share is computed once."""

    def __init__(self, fitted: ClosingHazard, month: str, features: list[str]) -> None:
        self._fitted, self._month, self._features = fitted, month, features
        self._chances = fitted.at(month)

    def given(self, rows: Sequence[Row]) -> Deals:
        """Return what the hazard looks at."""
        return self._fitted.posted(self._month, rows)

    def scores(self, given: Deals) -> np.ndarray:
        """Return the win score of each deal."""
        return self._chances.won_by(given)[:, 0]

    def contributions(self, given: Deals) -> np.ndarray:
        """Return the push of each feature."""
        return _by_feature(self._fitted, self._chances.pushes(given), self._features)


def _first(names: tuple[str, ...], features: list[str]) -> str | None:
    return next((name for name in names if name in features), None)


ALGORITHM = Algorithm(
    name="closing_hazard",
    description="Hazard of closing by age and season, with a share of deals that never close, fitted on the "
    "snapshot.",
    # It reads four of the features.
    complexity=5,
    build=build,
    contributions=contributions,
    learns_from=SNAPSHOT,
    snapshot_columns=(*SNAPSHOT_COLUMNS, *GROUPS, *PRODUCTS),
    reads=("snapshot_month",),
    fast_rows=Rows,
    trusted_types=("crm_assets.modeling.hazard.estimator.ClosingHazard",),
    packages=("scikit-learn", "scipy"),
    space=(
        Parameter("width", 0.3, 3.0, log=True),
        Parameter("growth", 0.0, 0.1),
        Parameter("season", 5.0, 200.0, log=True),
        Parameter("cohort", 5.0, 100.0, log=True),
        Parameter("window", 5.0, 40.0, log=True),
        Parameter("won", 5.0, 100.0, log=True),
    ),
)

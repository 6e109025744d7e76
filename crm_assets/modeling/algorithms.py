"""The table of algorithms: each a scikit-learn pipeline from raw features to a score.

To add one, write its `build` function and add a row to `ALGORITHMS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING


from crm_assets.crm.feature_table import FEATURES

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

Build = Callable[[list[str], int], "Pipeline"]


@dataclass(frozen=True)
class Algorithm:
    """One row of the table: a name that is also its asset's, and how its pipeline is built."""

    name: str
    description: str
    build: Build


def _logistic_regression(features: list[str], seed: int) -> Pipeline:
    crossed = [name for name in ("days_open", "month_of_quarter") if name in features]
    cross = make_pipeline(
        ColumnTransformer(
            [
                ("age", SplineTransformer(n_knots=5, degree=3, include_bias=False), crossed[:1]),
                ("season", OneHotEncoder(handle_unknown="ignore"), crossed[1:]),
            ],
            sparse_threshold=0,
        ),
        PolynomialFeatures(degree=2, interaction_only=True, include_bias=False),
        StandardScaler(),
    )
    office = [name for name in ("regional_office",) if name in features]
    transform = ColumnTransformer(
        [
            ("crossed", cross, crossed),
            ("category", OneHotEncoder(handle_unknown="ignore"), office),
        ],
        sparse_threshold=0,
    )
    # Centred, so that a coefficient times its column is the distance from the average training deal.
    centre = StandardScaler(with_std=False)
    return make_pipeline(transform, centre, LogisticRegression(C=0.3, max_iter=2000, random_state=seed))


def _trees(features: list[str]) -> ColumnTransformer:
    categorical = [f.name for f in FEATURES if f.dtype == "category" and f.name in features]
    numeric = [name for name in features if name not in categorical]
    return ColumnTransformer(
        [
            ("numeric", SimpleImputer(strategy="median", keep_empty_features=True), numeric),
            (
                "category",
                OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=50, sparse_output=False),
                categorical,
            ),
        ],
        sparse_threshold=0,
    )


def _random_forest(features: list[str], seed: int) -> Pipeline:
    forest = RandomForestClassifier(
        n_estimators=200, max_depth=7, min_samples_leaf=30, max_features=0.4, random_state=seed
    )
    return make_pipeline(_trees(features), forest)


def _xgboost(features: list[str], seed: int) -> Pipeline:
    from xgboost import XGBClassifier

    booster = XGBClassifier(
        n_estimators=150,
        max_depth=3,
        learning_rate=0.05,
        min_child_weight=20,
        subsample=0.8,
        colsample_bytree=0.6,
        reg_lambda=20.0,
        random_state=seed,
        n_jobs=2,
    )
    return make_pipeline(_trees(features), booster)


def _gradient_boosting(features: list[str], seed: int) -> Pipeline:
    booster = HistGradientBoostingClassifier(
        max_iter=120, learning_rate=0.05, max_leaf_nodes=8, min_samples_leaf=40, l2_regularization=20.0,
        random_state=seed,
    )
    return make_pipeline(_trees(features), booster)


ALGORITHMS: tuple[Algorithm, ...] = (
    Algorithm("logistic_regression", "Logistic regression on a spline of age by season.", _logistic_regression),
    Algorithm("random_forest", "Random forest.", _random_forest),
    Algorithm("xgboost", "Gradient boosted trees, XGBoost.", _xgboost),
    Algorithm("gradient_boosting", "Gradient boosted trees, scikit-learn's histogram version.", _gradient_boosting),
)


def algorithm(name: str) -> Algorithm:
    """The row of the table with this name."""
    return next(row for row in ALGORITHMS if row.name == name)

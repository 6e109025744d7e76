"""The table of algorithms: each a scikit-learn pipeline from raw features to a score.

To add one, write its `build` function and add a row to `ALGORITHMS`. A pipeline takes whatever
features the leak audit admits, with missing numbers and unknown categories, and ends in a
classifier that `modeling.explanation` can explain.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crm_assets.crm.feature_table import FEATURES

if TYPE_CHECKING:
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

Build = Callable[[list[str], int], "Pipeline"]

# How winning depends on a deal's age differs by season and office: these are multiplied.
AGE = "days_open"
CONTEXT = ("month_of_quarter", "regional_office")
CROSSED_BLOCK = "crossed"
# Numbers that name something rather than measure it.
NAMES_BY_NUMBER = ("month_of_quarter", "engage_day_of_week")
# What grows or shifts with the calendar: a line would be drawn on beyond what it has seen.
MOVING = (
    "days_open_vs_median_cycle",
    "agent_win_rate",
    "agent_closed_deals",
    "agent_open_deals",
    "product_win_rate",
    "product_open_deals",
    "account_win_rate",
    "account_closed_deals",
)


@dataclass(frozen=True)
class Algorithm:
    """One row of the table: a name that is also its asset's, and how its pipeline is built.

    `build` takes the features to use and the seed, and returns an unfitted pipeline.
    """

    name: str
    description: str
    build: Build


def _logistic_regression(features: list[str], seed: int) -> Pipeline:
    """A spline of age by season and office, and the deal's own attributes, numbers by rank."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, QuantileTransformer, StandardScaler

    categories, numbers = _by_type(features, NAMES_BY_NUMBER)
    crossed = [name for name in (AGE, *CONTEXT) if name in features]
    plain = [name for name in numbers if name != AGE and name not in MOVING]
    ranks = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True), QuantileTransformer(n_quantiles=10)
    )
    blocks = [
        ("category", OneHotEncoder(handle_unknown="ignore", sparse_output=False), categories),
        ("number", ranks, plain),
    ]
    if AGE in features:
        blocks.insert(0, (CROSSED_BLOCK, _crossed(crossed), crossed))
    return make_pipeline(
        ColumnTransformer(blocks),
        # Centred, so that a coefficient times its column is the distance from the average deal.
        StandardScaler(with_std=False),
        LogisticRegression(C=1.0, max_iter=3000, random_state=seed),
    )


def _random_forest(features: list[str], seed: int) -> Pipeline:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline

    forest = RandomForestClassifier(
        n_estimators=100, max_depth=8, min_samples_leaf=20, max_features=0.5, random_state=seed
    )
    return make_pipeline(_for_trees(features), forest)


def _xgboost(features: list[str], seed: int) -> Pipeline:
    from sklearn.pipeline import make_pipeline
    from xgboost import XGBClassifier

    booster = XGBClassifier(
        n_estimators=250,
        max_depth=2,
        learning_rate=0.05,
        min_child_weight=10,
        subsample=0.8,
        reg_lambda=10,
        random_state=seed,
        n_jobs=2,
    )
    return make_pipeline(_for_trees(features), booster)


def _gradient_boosting(features: list[str], seed: int) -> Pipeline:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline

    booster = HistGradientBoostingClassifier(
        max_iter=150,
        max_leaf_nodes=6,
        learning_rate=0.05,
        min_samples_leaf=100,
        l2_regularization=50,
        early_stopping=False,
        random_state=seed,
    )
    return make_pipeline(_for_trees(features), booster)


ALGORITHMS: tuple[Algorithm, ...] = (
    Algorithm(
        "logistic_regression",
        "Logistic regression on a spline of age by season and office.",
        _logistic_regression,
    ),
    Algorithm("random_forest", "Random forest of shallow trees.", _random_forest),
    Algorithm("xgboost", "Gradient boosted stumps of two splits, by XGBoost.", _xgboost),
    Algorithm(
        "gradient_boosting", "Gradient boosted trees, scikit-learn's histogram version.", _gradient_boosting
    ),
)


def algorithm(name: str) -> Algorithm:
    """The row of the table with this name."""
    return next(row for row in ALGORITHMS if row.name == name)


def _by_type(features: list[str], also_categories: tuple[str, ...] = ()) -> tuple[list[str], list[str]]:
    """Categories and numbers among some features, in their order."""
    text = {feature.name for feature in FEATURES if feature.dtype == "category"} | set(also_categories)
    return [name for name in features if name in text], [name for name in features if name not in text]


def _crossed(columns: list[str]) -> Pipeline:
    """A cubic spline of age, the context one-hot, and all products of two of their columns."""
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, SplineTransformer

    spline = SplineTransformer(
        n_knots=9, degree=3, knots="quantile", extrapolation="constant", include_bias=False
    )
    context = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    terms = ColumnTransformer([("age", spline, [AGE]), ("context", context, columns[1:])])
    return make_pipeline(terms, PolynomialFeatures(2, interaction_only=True, include_bias=False))


def _for_trees(features: list[str]) -> ColumnTransformer:
    """Numbers with the median for what is missing, categories one-hot.

    The median, since in the first month all win rates are missing: a tree would take that for a
    property of deals.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import OneHotEncoder

    categories, numbers = _by_type(features)
    encoder = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=50, sparse_output=False)
    return ColumnTransformer(
        [
            ("number", SimpleImputer(strategy="median", keep_empty_features=True), numbers),
            ("category", encoder, categories),
        ]
    )

"""The table of algorithms: each a scikit-learn pipeline from raw features to a score.

The order is from simple to complex: where the evidence cannot tell two apart, the first is chosen.

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

# How winning depends on a deal's age differs by season: these two are multiplied, and no others. A
# season comes once or twice before it is predicted, so what else seems to go with it is chance.
AGE, SEASON = "days_open", "month_of_quarter"
CROSSED_BLOCK = "crossed"
# Thirty agents share a few hundred wins a month: what a name adds is shrunk harder than the rest. The
# hardest that the validation months cannot tell from none (0.8066 against 0.8078, error 0.0076).
CATEGORY_WEIGHT = 0.3


@dataclass(frozen=True)
class Algorithm:
    """One row of the table: a name that is also its asset's, and how its pipeline is built.

    `build` takes the features to use and the seed, and returns an unfitted pipeline. Where there are
    more rows than `max_training_rows`, it learns from a sample of them, see `modeling.sampling`.
    """

    name: str
    description: str
    build: Build
    max_training_rows: int


def _logistic_regression(features: list[str], seed: int) -> Pipeline:
    """A spline of age by season, and everything else as it is: categories one-hot, numbers by rank.

    By rank, since counts and rates move with the calendar: a line would be drawn on beyond what it
    has seen, a rank ends there.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, QuantileTransformer, StandardScaler

    categories, numbers = _by_type(features)
    crossed = [name for name in (AGE, SEASON) if name in features] if AGE in features else []
    ranks = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        # Of all rows: by default it draws a random sample of them.
        QuantileTransformer(n_quantiles=10, subsample=None),
    )
    blocks = [
        ("category", OneHotEncoder(handle_unknown="ignore", sparse_output=False), categories),
        ("number", ranks, [name for name in numbers if name not in crossed]),
    ]
    if crossed:
        blocks.insert(0, (CROSSED_BLOCK, _crossed(crossed), crossed))
    return make_pipeline(
        ColumnTransformer(blocks, transformer_weights={"category": CATEGORY_WEIGHT}),
        # Centred, so that a coefficient times its column is the distance from the average deal.
        StandardScaler(with_std=False),
        # Few columns and many rows: second order steps take a tenth of the time of the default's.
        LogisticRegression(C=1.0, solver="newton-cholesky", random_state=seed),
    )


def _random_forest(features: list[str], seed: int) -> Pipeline:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline

    forest = RandomForestClassifier(
        n_estimators=60, max_depth=8, min_samples_leaf=50, max_features=0.3, random_state=seed
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
    )
    return make_pipeline(_for_trees(features), booster)


def _gradient_boosting(features: list[str], seed: int) -> Pipeline:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline

    booster = HistGradientBoostingClassifier(
        max_iter=150,
        max_leaf_nodes=6,
        learning_rate=0.08,
        min_samples_leaf=200,
        l2_regularization=50,
        early_stopping=False,
        random_state=seed,
    )
    return make_pipeline(_for_trees(features), booster)


ALGORITHMS: tuple[Algorithm, ...] = (
    Algorithm(
        "logistic_regression",
        "Logistic regression on a spline of age by season, and all else by rank.",
        _logistic_regression,
        # A column for each of hundreds of agents, 8 bytes a cell: here 0.4 GB, and twice that at work.
        max_training_rows=100_000,
    ),
    Algorithm(
        # It sorts all rows for every tree, the others' histograms do not.
        "random_forest",
        "Random forest of shallow trees.",
        _random_forest,
        max_training_rows=200_000,
    ),
    Algorithm(
        "xgboost", "Gradient boosted stumps of two splits, by XGBoost.", _xgboost, max_training_rows=1_000_000
    ),
    Algorithm(
        "gradient_boosting",
        "Gradient boosted trees, scikit-learn's histogram version.",
        _gradient_boosting,
        max_training_rows=1_000_000,
    ),
)


def algorithm(name: str) -> Algorithm:
    """The row of the table with this name."""
    return next(row for row in ALGORITHMS if row.name == name)


def _by_type(features: list[str]) -> tuple[list[str], list[str]]:
    """Categories and numbers among some features, in their order."""
    text = {feature.name for feature in FEATURES if feature.dtype == "category"}
    return [name for name in features if name in text], [name for name in features if name not in text]


def _crossed(columns: list[str]) -> Pipeline:
    """A cubic spline of age, the season one-hot, and all products of two of their columns."""
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, SplineTransformer

    spline = SplineTransformer(
        n_knots=9, degree=3, knots="quantile", extrapolation="constant", include_bias=False
    )
    season = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    terms = ColumnTransformer([("age", spline, [AGE]), ("season", season, columns[1:])])
    return make_pipeline(terms, PolynomialFeatures(2, interaction_only=True, include_bias=False))


def _for_trees(features: list[str]) -> ColumnTransformer:
    """Numbers with the median for what is missing, categories as codes in alphabetical order.

    The median, since in the first month all win rates are missing: a tree would take that for a
    property of deals. Codes, since a column for each of many names is slow and gains nothing here.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import OrdinalEncoder

    categories, numbers = _by_type(features)
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    return ColumnTransformer(
        [
            ("number", SimpleImputer(strategy="median", keep_empty_features=True), numbers),
            ("category", encoder, categories),
        ]
    )

"""Logistic regression: additive in its features, except for age by season."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from crm_assets.modeling import additive, algorithm
from crm_assets.modeling.algorithm import Algorithm
from crm_assets.modeling.encoding import CROSSED_BLOCK, by_type, contributions_of_columns
from crm_assets.modeling.space import Parameter

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

# The effect of a deal's age differs by season, so only these two are multiplied. A season occurs once or
# twice before it is predicted, so other apparent interactions with it are chance.
AGE, SEASON = "days_open", "month_of_quarter"
# Thirty agents share a few hundred wins a month, so names are shrunk more than other features: the
# strongest shrinkage without a significant loss on the validation months (0.8066 against 0.8078, error
# 0.0076).
CATEGORY_WEIGHT = 0.3


def build(
    features: list[str],
    seed: int,
    *,
    inverse_penalty: float = 1.0,
    category_weight: float = CATEGORY_WEIGHT,
    n_quantiles: int = 10,
    n_knots: int = 9,
) -> Pipeline:
    """Build a model on a spline of age by season, one-hot categories, and numbers by rank.

    Numbers by rank, since counts and rates grow with the calendar: a line extrapolates beyond the training
    range, a rank does not.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, QuantileTransformer, StandardScaler

    categories, numbers = by_type(features)
    crossed = [name for name in ALGORITHM.crosses if name in features] if AGE in features else []
    ranks = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        # Use all rows: by default it draws a random sample.
        QuantileTransformer(n_quantiles=n_quantiles, subsample=None),
    )
    blocks = [
        ("category", OneHotEncoder(handle_unknown="ignore", sparse_output=False), categories),
        ("number", ranks, [name for name in numbers if name not in crossed]),
    ]
    if crossed:
        blocks.insert(0, (CROSSED_BLOCK, _crossed(crossed, n_knots), crossed))
    return make_pipeline(
        ColumnTransformer(blocks, transformer_weights={"category": category_weight}),
        # Centered, so that coefficient times column is the deal's distance from the average deal.
        StandardScaler(with_std=False),
        # With few columns and many rows, this second-order solver takes a tenth of the default's time.
        LogisticRegression(C=inverse_penalty, solver="newton-cholesky", random_state=seed),
    )


def contributions(pipeline: Pipeline, matrix: pd.DataFrame, features: list[str]) -> np.ndarray:
    """Return coefficient times distance from the training mean; a product counts half for each factor."""
    if len(matrix) < algorithm.ROWS_WORTH_TABLES:
        return _contributions(pipeline, matrix, features)
    return additive.contributions(
        lambda rows: _contributions(pipeline, rows, features), matrix, features, ALGORITHM.crosses
    )


def fast_scores(pipeline: Pipeline, matrix: pd.DataFrame) -> np.ndarray:
    """Return the scores of many rows, with one table look-up per feature."""
    from scipy.special import expit

    return expit(additive.sums(pipeline.decision_function, matrix, ALGORITHM.crosses))


def _by_coefficient(model: Any, columns: np.ndarray) -> np.ndarray:
    return columns * model.coef_[0]


_contributions = contributions_of_columns(_by_coefficient)


def _crossed(columns: list[str], n_knots: int) -> Pipeline:
    """Build a cubic spline of age, the one-hot season, and all products of two of their columns."""
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, SplineTransformer

    spline = SplineTransformer(
        n_knots=n_knots, degree=3, knots="quantile", extrapolation="constant", include_bias=False
    )
    season = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    terms = ColumnTransformer([("age", spline, [AGE]), ("season", season, columns[1:])])
    return make_pipeline(terms, PolynomialFeatures(2, interaction_only=True, include_bias=False))


ALGORITHM = Algorithm(
    name="logistic_regression",
    description="Logistic regression on a spline of age by season, other numbers by rank, and categories.",
    complexity=10,
    build=build,
    contributions=contributions,
    # One column for each of hundreds of agents, 8 bytes per cell: 0.4 GB here, twice that while fitting.
    max_training_rows=100_000,
    crosses=(AGE, SEASON),
    fast_scores=fast_scores,
    trusted_types=(
        "numpy.dtype",
        "scipy._lib.array_api_compat.numpy._aliases.asarray",
        "scipy.interpolate._bsplines.BSpline",
        # The name of the type since SciPy 1.18.
        "scipy.interpolate._bsplines._BSpline",
    ),
    space=(
        Parameter("inverse_penalty", 0.01, 10.0, log=True),
        Parameter("category_weight", 0.05, 1.0, log=True),
        Parameter("n_quantiles", 4, 40),
        Parameter("n_knots", 4, 14),
    ),
)

"""Scores of many rows at once: what scikit-learn's pipelines say, in a fraction of the time.

A million open deals hold a few thousand distinct values: encoding each value once, not each row, is
what is fast here. Up to `ROWS_WORTH_TABLES` rows the pipeline itself is asked.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

from crm_assets.modeling.algorithms import AGE, SEASON

# Below it a pipeline takes a second at most, and its last bit is what stored tables hold.
ROWS_WORTH_TABLES = 50_000
# Few enough for a core's cache while tree after tree passes over them, enough for threads to share.
ROWS_PER_BLOCK = 65_536


def win_scores(pipeline: Pipeline, matrix: pd.DataFrame, fast_from: int = ROWS_WORTH_TABLES) -> np.ndarray:
    """The pipeline's score of winning, 0 to 1, shape (n,).

    Args:
        pipeline: fitted, one of `modeling.algorithms`.
        matrix: the feature matrix, shape (n, features).
        fast_from: from how many rows on values are encoded once. Trees give the same bits either
            way; the logistic regression adds up in another order, and differs by some 1e-14.
    """
    if len(matrix) < fast_from:
        return pipeline.predict_proba(matrix)[:, 1]
    if isinstance(pipeline[-1], LogisticRegression):
        return expit(_additive(pipeline, matrix))
    encoded = encode(pipeline[0], matrix)
    blocks = range(0, len(encoded), ROWS_PER_BLOCK)
    return np.concatenate(
        [pipeline[-1].predict_proba(encoded[start : start + ROWS_PER_BLOCK])[:, 1] for start in blocks]
    )


def encode(columns: ColumnTransformer, matrix: pd.DataFrame) -> np.ndarray:
    """What the trees' ColumnTransformer makes of a feature matrix, each category encoded once."""
    blocks = []
    for name, _, used in columns.transformers_:
        if not len(used):
            continue
        rows, transformer = matrix[used], columns.named_transformers_[name]
        blocks.append(_by_value(transformer, rows) if name == "category" else transformer.transform(rows))
    return np.hstack(blocks)


def _by_value(encoder: OrdinalEncoder, frame: pd.DataFrame) -> np.ndarray:
    """A column by column encoding of the distinct values, handed out to the rows."""
    codes, values = zip(*(pd.factorize(frame[name]) for name in frame), strict=True)
    longest = max(map(len, values))
    # Shorter columns are filled up with a value of theirs.
    probe = {
        name: list(v) + [v[0]] * (longest - len(v)) for name, v in zip(frame.columns, values, strict=True)
    }
    encoded = encoder.transform(pd.DataFrame(probe))
    return np.column_stack([encoded[code, column] for column, code in enumerate(codes)])


def _additive(pipeline: Pipeline, matrix: pd.DataFrame) -> np.ndarray:
    """Log-odds of the logistic regression, as a sum of one table look-up per feature.

    It is additive in its features but for age by season, which is one table of two. So each table
    is what the pipeline says of a reference row where that feature alone takes each of its values.
    """
    together = [name for name in (AGE, SEASON) if name in matrix.columns]
    groups = [together] if together else []
    groups += [[name] for name in matrix.columns if name not in together]
    codes, probes = [], []
    for names in groups:
        code, distinct = _distinct(matrix, names)
        reference = {name: [matrix[name].iloc[0]] * len(distinct) for name in matrix.columns}
        probes.append(pd.DataFrame(reference | {name: distinct[name] for name in names}))
        codes.append(code)
    said = pipeline.decision_function(pd.concat([matrix.iloc[:1], *probes], ignore_index=True))
    log_odds = np.full(len(matrix), said[0])
    start = 1
    for code, probe in zip(codes, probes, strict=True):
        log_odds += (said[start : start + len(probe)] - said[0])[code]
        start += len(probe)
    return log_odds


def _distinct(matrix: pd.DataFrame, names: list[str]) -> tuple[np.ndarray, pd.DataFrame]:
    """For each row the number of its values of some columns, and these values by number."""
    code = np.zeros(len(matrix), dtype="int64")
    for name in names:
        own, values = pd.factorize(matrix[name], use_na_sentinel=False)
        code, _ = pd.factorize(code * len(values) + own)
    # Numbers are given in the order of first rows.
    first = np.unique(code, return_index=True)[1]
    return code, matrix[names].iloc[first].reset_index(drop=True)

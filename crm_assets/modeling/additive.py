"""Evaluates additive models by one table look-up per feature: the cost depends on distinct values, not rows.

The logistic regression is additive in its features, except for the crossed ones, which share one table. A
table holds the model's output for a reference row in which only this group of features changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Group:
    """Columns of a matrix that are looked up together.

    Attributes:
        names: the columns.
        code: for each row, the number of its combination of values, shape (n,).
        probe: reference rows with each combination of values, in the order of the numbers.
    """

    names: list[str]
    code: np.ndarray
    probe: pd.DataFrame


def groups(matrix: pd.DataFrame, crosses: tuple[str, ...]) -> Iterator[Group]:
    """Divide the columns of a matrix into groups: all crossed columns, and each other column alone."""
    together = [name for name in crosses if name in matrix.columns]
    for names in [*([together] if together else []), *([n] for n in matrix.columns if n not in together)]:
        code, distinct = _distinct(matrix, names)
        reference = {name: [matrix[name].iloc[0]] * len(distinct) for name in matrix.columns}
        probe = pd.DataFrame(reference | {name: distinct[name] for name in names})
        yield Group(names, code, probe)


def sums(
    say: Callable[[pd.DataFrame], np.ndarray], matrix: pd.DataFrame, crosses: tuple[str, ...]
) -> np.ndarray:
    """Return the values of an additive function for many rows, shape (n,).

    The order of summation differs from that of the function: results differ by about 1e-14.

    Args:
        say: the function; it turns rows like those of `matrix` into one number per row.
        matrix: shape (n, features).
        crosses: the features in which the function is not additive.
    """
    parts = list(groups(matrix, crosses))
    said = say(pd.concat([matrix.iloc[:1], *(part.probe for part in parts)], ignore_index=True))
    total = np.full(len(matrix), said[0])
    start = 1
    for part in parts:
        total += (said[start : start + len(part.probe)] - said[0])[part.code]
        start += len(part.probe)
    return total


def contributions(
    contribute: Callable[[pd.DataFrame], np.ndarray],
    matrix: pd.DataFrame,
    features: list[str],
    crosses: tuple[str, ...],
) -> np.ndarray:
    """Return the contributions of an additive model to many rows, shape (n, features).

    Args:
        contribute: turns rows like those of `matrix` into contributions of `features`.
        matrix: shape (n, features).
        features: the columns of the result.
        crosses: the features whose contributions depend on each other.
    """
    found = np.empty((len(matrix), len(features)))
    for group in groups(matrix, crosses):
        said = contribute(group.probe)
        for name in group.names:
            place = features.index(name)
            found[:, place] = said[group.code, place]
    return found


def _distinct(matrix: pd.DataFrame, names: list[str]) -> tuple[np.ndarray, pd.DataFrame]:
    """Return for each row the number of its combination of values, and the combinations by number."""
    code = np.zeros(len(matrix), dtype="int64")
    for name in names:
        own, values = pd.factorize(matrix[name], use_na_sentinel=False)
        code, _ = pd.factorize(code * len(values) + own)
    # Numbers follow the order of first appearance.
    first = np.unique(code, return_index=True)[1]
    return code, matrix[names].iloc[first].reset_index(drop=True)

"""SHAP values of boosted trees of at most two splits, for many rows: one table look-up per pair of features.

Path-dependent TreeSHAP (Lundberg et al., From Local Explanations to Global Understanding with Explainable AI
for Trees, 2020) is a sum over leaves. A leaf of value w behind a condition on feature a and one on feature b
is worth w (x_a or p_a) (x_b or p_b): x, 0 or 1, says whether the condition holds; where the feature is not
known, p takes its place, the share of training rows for which it holds. The Shapley value of a in that
product is w (x_a - p_a) (x_b + p_b) / 2. So all leaves of a pair add up to one table over the values that
the trees tell apart. XGBoost's own values differ by some 1e-7, since it adds up in single precision.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Condition:
    """One feature's part of the way to a leaf: `low <= value < high`, true for a share of the rows."""

    feature: int
    low: float
    high: float
    share: float

    def also(self, other: Condition) -> Condition:
        """Return both conditions on one feature as one."""
        low, high = max(self.low, other.low), min(self.high, other.high)
        return Condition(self.feature, low, high, self.share * other.share)


@dataclass(frozen=True)
class Leaf:
    """A leaf: its value, and its conditions, at most one per feature and two in all."""

    value: float
    conditions: tuple[Condition, ...]


def shap_values(leaves: list[Leaf], columns: np.ndarray) -> np.ndarray:
    """Return the SHAP values of many rows.

    Args:
        leaves: of all trees.
        columns: the model's input without missing values, shape (n, features).

    Returns:
        Shape of `columns`, in the model's raw score.
    """
    edges = _edges(leaves, columns.shape[1])
    codes = [
        np.searchsorted(edge, columns[:, feature].astype("float32"), side="right")
        for feature, edge in enumerate(edges)
    ]
    found = np.zeros(columns.shape)
    for features, tables in _tables(leaves, edges).items():
        place = np.ravel_multi_index([codes[feature] for feature in features], tables[0].shape)
        for feature, table in zip(features, tables, strict=True):
            found[:, feature] += table.ravel()[place]
    return found


def leaves_of(trees: pd.DataFrame, names: list[str]) -> list[Leaf]:
    """Read the leaves of `xgboost.Booster.trees_to_dataframe`, whose features have these names."""
    nodes = trees.set_index("ID")
    number = {name: place for place, name in enumerate(names)}
    found: list[Leaf] = []

    def walk(key: str, conditions: tuple[Condition, ...]) -> None:
        node = nodes.loc[key]
        if node["Feature"] == "Leaf":
            found.append(Leaf(float(node["Gain"]), conditions))
            return
        feature, split = number[node["Feature"]], float(np.float32(node["Split"]))
        for child, low, high in ((node["Yes"], -np.inf, split), (node["No"], split, np.inf)):
            share = float(nodes.loc[child, "Cover"]) / float(node["Cover"])
            walk(child, _with(conditions, Condition(feature, low, high, share)))

    for root in nodes.index[nodes["Node"] == 0]:
        walk(root, ())
    return found


def _with(conditions: tuple[Condition, ...], new: Condition) -> tuple[Condition, ...]:
    if any(old.feature == new.feature for old in conditions):
        return tuple(old.also(new) if old.feature == new.feature else old for old in conditions)
    return (*conditions, new)


def _edges(leaves: list[Leaf], features: int) -> list[np.ndarray]:
    """Return for each feature the values at which a condition begins or ceases to hold, in order."""
    at: list[set[float]] = [set() for _ in range(features)]
    for leaf in leaves:
        for condition in leaf.conditions:
            at[condition.feature] |= {condition.low, condition.high} - {-np.inf, np.inf}
    return [np.array(sorted(values), dtype="float32") for values in at]


def _tables(leaves: list[Leaf], edges: list[np.ndarray]) -> dict[tuple[int, ...], list[np.ndarray]]:
    """Return for each feature alone, and each pair, the SHAP values of its members by number of value."""
    tables: dict[tuple[int, ...], list[np.ndarray]] = {}
    for leaf in leaves:
        conditions = sorted(leaf.conditions, key=lambda condition: condition.feature)
        features = tuple(condition.feature for condition in conditions)
        holds = [_holds(condition, edges[condition.feature]) for condition in conditions]
        if len(conditions) == 1:
            own = [leaf.value * (holds[0] - conditions[0].share)]
        elif len(conditions) == 2:
            (x, y), (p, q) = holds, (condition.share for condition in conditions)
            own = [
                leaf.value * np.outer(x - p, y + q) / 2,
                leaf.value * np.outer(x + p, y - q) / 2,
            ]
        else:
            continue
        before = tables.get(features)
        tables[features] = own if before is None else [b + o for b, o in zip(before, own, strict=True)]
    return tables


def _holds(condition: Condition, edges: np.ndarray) -> np.ndarray:
    """Return for each number of a value whether the condition holds: 1 or 0."""
    # A value of number k lies at or above edge k - 1, and below edge k.
    lowest = np.concatenate([[-np.inf], edges])
    return ((lowest >= condition.low) & (lowest < condition.high)).astype("float64")

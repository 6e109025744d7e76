"""SHAP values of boosted trees of depth 2 or less, for many rows: one table look-up per feature pair.

Path-dependent TreeSHAP (Lundberg et al., From Local Explanations to Global Understanding with Explainable AI
for Trees, 2020) is a sum over leaves. A leaf with value w and one condition each on features a and b
is worth w (x_a or p_a) (x_b or p_b). x is 1 if the condition holds, else 0. If the feature is unknown, p
takes its place: the share of training rows for which the condition holds. The Shapley value of a in that
product is w (x_a - p_a) (x_b + p_b) / 2. So all leaves of a pair add up to one table over the values that the
trees distinguish. XGBoost's own values differ by about 1e-7, since it adds up in single precision.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

# The most levels of splits for which this holds.
DEEPEST = 2


@dataclass(frozen=True)
class Condition:
    """The condition on one feature to reach a leaf: `low <= value < high`, true for `share` of the rows."""

    feature: int
    low: float
    high: float
    share: float

    def also(self, other: Condition) -> Condition:
        """Combine two conditions on the same feature."""
        low, high = max(self.low, other.low), min(self.high, other.high)
        return Condition(self.feature, low, high, self.share * other.share)


@dataclass(frozen=True)
class Leaf:
    """A leaf: its value and its conditions, at most one per feature and two in total."""

    value: float
    conditions: tuple[Condition, ...]


def shap_values(leaves: list[Leaf], columns: np.ndarray) -> np.ndarray:
    """Return the SHAP values of many rows.

    Args:
        leaves: the leaves of all trees.
        columns: the model's input, without missing values, shape (n, features).

    Returns:
        The shape of `columns`, in units of the model's raw score.
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
    """Read the leaves from `xgboost.Booster.trees_to_dataframe`, given the feature names."""
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
    """Return for each feature the values at which a condition starts or stops to hold, in order."""
    at: list[set[float]] = [set() for _ in range(features)]
    for leaf in leaves:
        for condition in leaf.conditions:
            at[condition.feature] |= {condition.low, condition.high} - {-np.inf, np.inf}
    return [np.array(sorted(values), dtype="float32") for values in at]


def _tables(leaves: list[Leaf], edges: list[np.ndarray]) -> dict[tuple[int, ...], list[np.ndarray]]:
    """Return for each single feature and each pair the SHAP values, indexed by the numbers of values."""
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
    """Return 1 or 0 for each value number: whether the condition holds."""
    # The value with number k is at or above edge k - 1 and below edge k.
    lowest = np.concatenate([[-np.inf], edges])
    return ((lowest >= condition.low) & (lowest < condition.high)).astype("float64")

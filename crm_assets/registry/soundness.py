"""What a stored model may be made of: only types of our own list, and trees whose nodes lie inside them.

A file names its types and holds its trees as arrays. Reading it executes nothing, but compiled code follows
the numbers of the nodes without a check: a number beyond the array reads foreign memory, and a child before
its parent never ends.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import yaml

MLMODEL = "MLmodel"
# How MLflow's description of a model names the types that the model itself calls trusted.
TYPES = "skops_trusted_types"
LEAF = -1
# The modules of the objects whose parts are looked at.
OURS = ("sklearn.", "crm_assets.", "xgboost.")


def foreign_types(folder: Path, trusted: Collection[str]) -> list[str]:
    """Return the types that a model's `MLmodel` calls trusted and that we do not, sorted.

    Args:
        folder: the files of the model; without an `MLmodel`, nothing is named.
        trusted: our own list.

    Raises:
        ValueError: the `MLmodel` is not readable.
    """
    file = folder / MLMODEL
    if not file.is_file():
        return []
    try:
        flavors = (yaml.safe_load(file.read_text("utf-8")) or {}).get("flavors", {})
        named = [name for flavor in flavors.values() for name in (flavor or {}).get(TYPES) or []]
        return sorted({str(name) for name in named} - set(trusted))
    except (yaml.YAMLError, UnicodeDecodeError, AttributeError, TypeError) as error:
        raise ValueError(f"its {MLMODEL} is not readable") from error


def fault(model: Any) -> str | None:
    """Say what is wrong with the trees of a model; return None if nothing is."""
    for part in _parts(model, set()):
        if (what := _fault_of(part)) is not None:
            return what
    return None


def _fault_of(part: Any) -> str | None:
    kind = type(part).__name__
    if kind == "Tree":
        left, right, feature = part.children_left, part.children_right, part.feature
        split = left != LEAF
        if not np.array_equal(split, right != LEAF):
            return "a tree has a node with only one child"
        return _fault_of_nodes(left, right, feature, split, part.n_features)
    if kind == "TreePredictor":
        nodes = part.nodes
        split, many = nodes["is_leaf"] == 0, len(part.raw_left_cat_bitsets)
        if (nodes["bitset_idx"][split & (nodes["is_categorical"] != 0)] >= many).any():
            return "a tree looks up a category outside its table"
        return _fault_of_nodes(nodes["left"], nodes["right"], nodes["feature_idx"], split, None)
    if kind == "Booster":
        return _fault_of_booster(part)
    return None


def _fault_of_booster(booster: Any) -> str | None:
    model = json.loads(bytes(booster.save_raw("json")))["learner"]["gradient_booster"]["model"]
    for tree in model["trees"]:
        left, right, feature = (
            np.array(tree[name]) for name in ("left_children", "right_children", "split_indices")
        )
        if not len(left) == len(right) == len(feature):
            return "a tree's arrays differ in length"
        if what := _fault_of_nodes(left, right, feature, left != LEAF, int(booster.num_features())):
            return what
    return None


def _fault_of_nodes(
    left: np.ndarray, right: np.ndarray, feature: np.ndarray, split: np.ndarray, features: int | None
) -> str | None:
    """Check the nodes of one tree, n of them: children come after their parent, and inside the tree."""
    many = len(left)
    if many == 0:
        return "a tree has no node"
    parent = np.arange(many)[split]
    for child in (left[split].astype("int64"), right[split].astype("int64")):
        if (child >= many).any() or (child <= parent).any():
            return "a tree has a node whose child lies outside the tree or before the node"
    used = feature[split].astype("int64")
    if (used < 0).any() or (features is not None and (used >= features).any()):
        return "a tree asks for a feature that the model does not have"
    return None


def _parts(value: Any, seen: set[int]) -> Iterator[Any]:
    """Yield a fitted model and everything that it is made of."""
    if id(value) in seen or isinstance(value, str | bytes | int | float | type(None)):
        return
    seen.add(id(value))
    if isinstance(value, dict):
        inside: Any = value.values()
    elif isinstance(value, list | tuple | set) or (isinstance(value, np.ndarray) and value.dtype == object):
        inside = list(value.flat) if isinstance(value, np.ndarray) else value
    elif type(value).__module__.startswith(OURS):
        yield value
        inside = getattr(value, "__dict__", {}).values()
    else:
        return
    for part in inside:
        yield from _parts(part, seen)

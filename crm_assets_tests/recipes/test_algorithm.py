"""The recipe "Add an algorithm": with one file the contract test passes, including the registry."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from crm_assets_tests.recipes.scratch import scratch_copy

FILE = "crm_assets/modeling/algorithms/lightgbm.py"
ROW = '''"""Gradient boosting by LightGBM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from crm_assets.modeling.algorithm import Algorithm
from crm_assets.modeling.encoding import contributions_of_columns, for_trees, scores_of_trees

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


def build(features: list[str], seed: int) -> Pipeline:
    """Build small trees, the same ones on every machine."""
    from lightgbm import LGBMClassifier
    from sklearn.pipeline import make_pipeline

    booster = LGBMClassifier(
        n_estimators=100,
        num_leaves=6,
        min_child_samples=100,
        random_state=seed,
        deterministic=True,
        force_row_wise=True,
        verbosity=-1,
    )
    return make_pipeline(for_trees(features), booster)


def shap_of_booster(model: Any, columns: np.ndarray) -> np.ndarray:
    """Return SHAP values by LightGBM itself; it adds the average as a last column."""
    return model.booster_.predict(columns, pred_contrib=True)[:, :-1]


ALGORITHM = Algorithm(
    name="lightgbm",
    description="Gradient boosted trees, by LightGBM.",
    complexity=35,
    build=build,
    contributions=contributions_of_columns(shap_of_booster),
    fast_scores=scores_of_trees,
    trusted_types=(
        "collections.OrderedDict",
        "collections.defaultdict",
        "lightgbm.basic.Booster",
        "lightgbm.sklearn.LGBMClassifier",
        "numpy.dtype",
    ),
    packages=("scikit-learn", "lightgbm"),
)
'''
GRAPH = """
from crm_assets.definitions import defs
from crm_assets.modeling.algorithms import ALGORITHMS
from crm_assets.registry.models import TRUSTED_TYPES
assert [row.name for row in ALGORITHMS][3:5] == ["xgboost", "lightgbm"]
graph = defs.resolve_asset_graph()
names = {key.to_user_string() for key in graph.get_all_asset_keys()}
parents = {key.to_user_string() for key in graph.get(next(
    key for key in graph.get_all_asset_keys() if key.to_user_string() == "champion")).parent_keys}
assert "lightgbm" in names & parents
assert "lightgbm.basic.Booster" in TRUSTED_TYPES
"""


def test_an_algorithm_is_one_file(tmp_path: Path) -> None:
    if find_spec("lightgbm") is None:
        pytest.skip("LightGBM is not installed: it is in the extra dev")
    copy = scratch_copy(tmp_path)
    copy.add(FILE, ROW)
    assert copy.changed() == {FILE}
    made = copy.python("-c", GRAPH, CRM_SOURCE="sample")
    assert made.returncode == 0, made.stderr
    # It is fitted, scored, explained and calibrated; it wins, is registered and loaded.
    done = copy.tests("crm_assets_tests/modeling/test_algorithm_contract.py", "-k", "lightgbm or file")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[100%]" in done.stdout

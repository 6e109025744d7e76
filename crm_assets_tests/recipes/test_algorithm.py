"""The recipe "Add an algorithm": with one file the contract test passes, including the registry."""

from __future__ import annotations

from pathlib import Path

from crm_assets_tests.recipes.scratch import scratch_copy

FILE = "crm_assets/modeling/algorithms/extra_trees.py"
ROW = '''"""Extremely randomized trees with scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crm_assets.modeling.algorithm import Algorithm
from crm_assets.modeling.encoding import contributions_of_columns, for_trees, scores_of_trees, shap_of_trees

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline


def build(features: list[str], seed: int) -> Pipeline:
    """Build shallow trees with random thresholds."""
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.pipeline import make_pipeline

    trees = ExtraTreesClassifier(n_estimators=10, max_depth=6, min_samples_leaf=20, random_state=seed)
    return make_pipeline(for_trees(features), trees)


ALGORITHM = Algorithm(
    name="extra_trees",
    description="Extremely randomized trees.",
    complexity=25,
    build=build,
    contributions=contributions_of_columns(shap_of_trees),
    fast_scores=scores_of_trees,
    trusted_types=("numpy.dtype", "sklearn.tree._tree.Tree"),
)
'''
GRAPH = """
from crm_assets.definitions import defs
from crm_assets.modeling.algorithms import ALGORITHMS
assert [row.name for row in ALGORITHMS][2:4] == ["random_forest", "extra_trees"]
graph = defs.resolve_asset_graph()
names = {key.to_user_string() for key in graph.get_all_asset_keys()}
parents = {key.to_user_string() for key in graph.get(next(
    key for key in graph.get_all_asset_keys() if key.to_user_string() == "champion")).parent_keys}
assert "extra_trees" in names & parents
# It has no search space, so there is no search for it.
assert "tuned_extra_trees" not in names
"""


def test_an_algorithm_is_one_file(tmp_path: Path) -> None:
    copy = scratch_copy(tmp_path)
    copy.add(FILE, ROW)
    assert copy.changed() == {FILE}
    made = copy.python("-c", GRAPH, CRM_SOURCE="sample")
    assert made.returncode == 0, made.stderr
    # It is fitted, scored, explained and calibrated; it wins, is registered and loaded.
    done = copy.tests("crm_assets_tests/modeling/test_algorithm_contract.py", "-k", "extra_trees or file")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[100%]" in done.stdout

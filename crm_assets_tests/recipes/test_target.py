"""The recipe "Add a target": one row, and its labels, folds, calibration and names follow."""

from __future__ import annotations

from pathlib import Path

from crm_assets_tests.recipes.scratch import scratch_copy

FILE = "crm_assets/crm/targets.py"
CHECK = """
from pathlib import Path
import sys
import pandas as pd
from crm_assets.crm.months import shift
from crm_assets.crm.tables import TRAINING_SET, WIN_FEATURES, WIN_PREDICTIONS
from crm_assets.crm.targets import DEFAULT_TARGET, target
from crm_assets.modeling.algorithms import algorithm
from crm_assets.modeling.backtest import walk_forward
from crm_assets.modeling.champion import candidate
from crm_assets.modeling.folds import split_months
from crm_assets.modeling.training import training_set
from crm_assets.modeling.training_rows import training_rows
from crm_assets.registry.names import model_name
from crm_assets.sources.sample import SyntheticSample
from crm_assets_tests.chain import run_chain, write_dump

folder, three, four = Path(sys.argv[1]), target("won_in_3_months"), target("won_in_4_months")
assert "won_in_4_months" in WIN_FEATURES.names
assert "probability_4_months" in WIN_PREDICTIONS.names
chain = run_chain(write_dump(folder / "dump", SyntheticSample(1_500, seed=2)), folder / "tables")
for month in chain.months:
    table = chain.features(month)
    known = shift(month, 4) <= chain.horizon
    assert table[four.name].notna().all() if known else table[four.name].isna().all(), month
    if known:
        assert (table[four.name] >= table[three.name]).all()
assert (chain.features("2023-06")[four.name] > chain.features("2023-06")[DEFAULT_TARGET.name]).any()

store = chain.store
labeled = training_set(store.read("win_features", chain.months), store.read("opportunities"), three)
store.write("training_set", labeled, TRAINING_SET.arrow)
rows = training_rows(store.path("training_set"), three)
assert rows.months[-1] == shift(chain.horizon, -3)
split = split_months(rows.months, 2, 1, three)
features = ["days_open", "month_of_quarter", "list_price"]
scores = walk_forward(algorithm("logistic_regression"), rows, features, split.scored, 1)
made = candidate(rows, features, {"logistic_regression": scores}, split, 1)
assert made.leaderboard["test_realized_wins"].iloc[0] > 0
assert model_name(made.target) == "monthly_win_probability_won_in_3_months_model"
"""


def test_a_target_is_one_row(tmp_path: Path) -> None:
    copy = scratch_copy(tmp_path / "copy")
    copy.edit(
        FILE,
        ('Target("won_in_3_months", 3),', 'Target("won_in_3_months", 3), Target("won_in_4_months", 4),'),
    )
    assert copy.changed() == {FILE}
    done = copy.python("-c", CHECK, str(tmp_path))
    assert done.returncode == 0, done.stderr
    # The default target does not change.
    tested = copy.tests("crm_assets_tests/modeling/test_target.py")
    assert tested.returncode == 0, tested.stdout + tested.stderr

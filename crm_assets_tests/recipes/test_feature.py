"""The recipe "Add a feature": it takes a row, the name of a new aggregate if there is one, and tests."""

from __future__ import annotations

import re
from pathlib import Path

from crm_assets_tests.recipes.scratch import scratch_copy
from dev.place import ROOT

TABLE, AGGREGATES = "crm_assets/crm/feature_table.py", "crm_assets/crm/as_of.py"
ORACLE, CONTRACT = "crm_assets_tests/crm/test_features.py", "crm_assets_tests/crm/test_feature_table.py"

ROW = """    Feature(
        name="office_win_rate",
        dtype="float64",
        unit="0 to 1",
        description="Smoothed win rate of the agent's office, as for the agent; null without an office.",
        expression=lambda known: known.record_of("regional_office").win_rate,
        bounds=(0, 1),
        label=lambda rate: f"the office wins {percent(rate)} of closed deals",
        missing="office's win rate unknown",
    ),
)

FEATURE_NAMES"""
MADE = """
from crm_assets.crm.all_features import feature
from crm_assets.crm.tables import TRAINING_SET
from crm_assets.defs.checks.features import TRAINING
row = feature("office_win_rate")
gated = "office_win_rate_in_range" in {rule.name for rule in TRAINING.rules}
print(row.sources, row.name in TRAINING_SET.names, gated)
print(row.said("0.61"))
"""

GATES = "(sound or together) and (win_features or training_set)"
WHO = '"sales_agent", "product", "account"'
DEFINITION = '                "office_win_rate": win_rate("regional_office", deal["regional_office"]),\n'
END_OF_ROW = "            }\n        )\n    return"


def test_a_feature_is_a_row_and_the_name_of_its_aggregate(tmp_path: Path) -> None:
    copy = scratch_copy(tmp_path)
    copy.edit(TABLE, (")\n\nFEATURE_NAMES", ROW))
    copy.edit(AGGREGATES, (f"({WHO})", f'({WHO}, "regional_office")'))
    assert copy.changed() == {TABLE, AGGREGATES}

    copy.edit(CONTRACT, ("== 23", "== 24"))
    counted = (f"in ({WHO})\n    }}", f'in ({WHO}, "regional_office")\n    }}')
    copy.edit(ORACLE, counted, (END_OF_ROW, DEFINITION + END_OF_ROW))
    done = copy.tests(CONTRACT, ORACLE)
    assert done.returncode == 0, done.stdout[-3000:]
    # Sound tables pass its gates, and both judges of a gate count the same rows.
    done = copy.tests("crm_assets_tests/defs/checks/test_suites.py", "-k", GATES)
    assert done.returncode == 0, done.stdout[-3000:]
    made = copy.python("-c", MADE)
    assert made.stdout.splitlines() == [
        "('sales_agent',) True True",
        "the office wins 61 % of closed deals",
    ], made.stderr


def test_a_row_that_lacks_something_is_named(tmp_path: Path) -> None:
    copy = scratch_copy(tmp_path)
    without = re.sub(r"        (bounds|missing)=.*\n", "", ROW.replace("regional_office", "product"))
    copy.edit(TABLE, (")\n\nFEATURE_NAMES", without))
    done = copy.tests(CONTRACT, "-k", "lacks_nothing")
    assert done.returncode == 1
    assert "test_a_feature_lacks_nothing[office_win_rate]" in done.stdout
    assert "bounds; (None, None) where every number is possible" in done.stdout


def test_the_recipe_names_the_places() -> None:
    recipe = (ROOT / "CONTRIBUTING.md").read_text().split("### Add a feature\n")[1].split("###")[0]
    assert set(re.findall(r"`(crm_assets\S*\.py)`", recipe)) == {TABLE, AGGREGATES, ORACLE, CONTRACT}

"""The gates of the models: each passes a good champion and names what is wrong with a bad one."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pandas as pd
import pytest

from crm_assets.modeling.agreement import agreement
from crm_assets.modeling.training_rows import HeldRows


@pytest.fixture(scope="module")
def gates() -> Any:
    """Import the module of the gates on the sample, since it is loaded for one source of data."""
    from crm_assets.defs.checks import models

    return models


def board(promoted: bool = True, **candidate: float) -> pd.DataFrame:
    """Return a leaderboard with a good candidate, except for the given values."""
    good = {"test_roc_auc": 0.83, "test_brier": 0.086, "test_ece": 0.03} | candidate
    former = {"test_roc_auc": 0.82, "test_brier": 0.087, "test_ece": 0.04}
    weak = {"test_roc_auc": 0.69, "test_brier": 0.098, "test_ece": 0.05}
    rows = [
        {"contender": "xgboost", "baseline": False, "chosen": True, "in_force": promoted, **good},
        {"contender": "seasonal_rate", "baseline": True, "chosen": False, "in_force": False, **weak},
        {"contender": "champion_version_3", "baseline": True, "chosen": False, **former},
    ]
    rows[-1]["in_force"] = not promoted
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("leaderboard", "names"),
    [
        (board(), ""),
        (board(test_roc_auc=0.82), ""),
        (board(test_roc_auc=0.68), "seasonal_rate, champion_version_3"),
        (board(test_brier=0.098), "seasonal_rate"),
        (board(test_roc_auc=0.81), "champion_version_3"),
        (board(test_roc_auc=float("nan")), "seasonal_rate, champion_version_3"),
        # A candidate that was not promoted scores no deal.
        (board(promoted=False, test_roc_auc=0.5, test_brier=0.2), ""),
    ],
)
def test_a_champion_that_a_baseline_beats_fails_and_the_baseline_is_named(
    gates: Any, leaderboard: pd.DataFrame, names: str
) -> None:
    result = gates.better_than_baselines(leaderboard)
    assert result.passed == (names == "")
    assert names in result.description


def test_a_badly_calibrated_champion_is_told(gates: Any) -> None:
    assert gates.well_calibrated(board()).passed
    result = gates.well_calibrated(board(test_ece=0.2))
    assert not result.passed
    assert "0.200" in result.description


@pytest.mark.parametrize(
    ("verdict", "used", "passed", "severity"),
    [
        ("admissible", True, True, dg.AssetCheckSeverity.WARN),
        ("inadmissible", False, True, dg.AssetCheckSeverity.WARN),
        ("inadmissible", True, False, dg.AssetCheckSeverity.ERROR),
        ("unproven", True, True, dg.AssetCheckSeverity.WARN),
        ("unproven", False, False, dg.AssetCheckSeverity.WARN),
    ],
)
def test_an_inadmissible_feature_is_told_and_one_that_is_used_is_an_error(
    gates: Any, verdict: str, used: bool, passed: bool, severity: dg.AssetCheckSeverity
) -> None:
    result = gates.features_are_admissible(audited(verdict, used))
    assert (result.passed, result.severity) == (passed, severity)


def test_a_warning_of_what_is_unproven_and_kept_out_says_how_to_admit_it(gates: Any) -> None:
    said = gates.features_are_admissible(audited("unproven", False)).description
    assert said.startswith("sector: unproven, and worth more than 0.02 of validation ROC AUC;")
    assert "name the features in CRM_ADMIT_FEATURES" in said


def audited(verdict: str, used: bool) -> pd.DataFrame:
    row = {"feature": "sector", "verdict": verdict, "used": used, "reason": "it knows"}
    return pd.DataFrame([row | {"auc_without": 0.7, "auc_with": 0.8}])


def learned(**columns: list[Any]) -> HeldRows:
    return HeldRows(pd.DataFrame({"snapshot_month": "2017-03", "won_next_month": False, **columns}))


def test_what_lies_outside_of_training_is_counted_by_feature() -> None:
    training = learned(days_open=[1, 10], product=["A", "B"], list_price=[1.0, None])
    scoring = pd.DataFrame({"days_open": [0, 5, 10, 11], "product": ["A", "C", None, "B"]})
    table = agreement(training, scoring, ["days_open", "product", "list_price"]).set_index("feature")
    assert table.loc["days_open", "outside"] == 0.5
    assert table.loc["product", "outside"] == 0.25
    assert table.loc["list_price", "scoring_type"] == "missing"


def test_a_feature_of_another_type_is_seen() -> None:
    training = learned(days_open=[1, 10])
    scoring = pd.DataFrame({"days_open": ["1", "10"]})
    row = agreement(training, scoring, ["days_open"]).iloc[0]
    assert (row["training_type"], row["scoring_type"]) == ("number", "text")

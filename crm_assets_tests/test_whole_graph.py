"""The whole graph as `python -m crm_assets` runs it: its output, its tables and its metadata."""

from __future__ import annotations

import base64

import dagster as dg
import pytest

from crm_assets.crm.feature_table import FEATURES
from crm_assets.crm.schema import RAW_TABLES
from dev.place import Place

ALGORITHMS = ("logistic_regression", "closing_hazard", "random_forest", "xgboost", "gradient_boosting")
FACTS_OF_EVERY_TABLE = {"dagster/row_count", "path", "preview"}
PLOTS = ("calibration curve", "roc curve", "auc by month", "expected and realized wins", "top features")


def test_the_summary_tells_what_a_sales_team_asks(sample_run: tuple[Place, str]) -> None:
    _, printed = sample_run
    for said in (
        "SYNTHETIC DATA",
        "2022-10 to 2023-12",
        "Forecast for 2024-01",
        "Leaks      none found",
        "version 1",
        "open at the end of 2023-12, all scored",
        "USD in 2024-01",
        "baseline",
        "Most likely wins in 2024-01",
        "`make dev` opens the Dagster UI",
        *ALGORITHMS,
    ):
        assert said in printed
    assert "Warning" not in printed


def test_every_open_deal_of_the_last_month_is_predicted_once(sample_run: tuple[Place, str]) -> None:
    there, _ = sample_run
    predicted = there.frame("win_predictions", "2023-12")
    assert sorted(predicted["opportunity_id"]) == sorted(
        there.frame("win_features", "2023-12")["opportunity_id"]
    )
    assert predicted["probability"].between(0, 1).all()
    assert predicted["probability"].is_monotonic_decreasing
    assert set(predicted["scored_by"]) == {"champion"}


def test_the_forecast_adds_up_at_every_level(sample_run: tuple[Place, str]) -> None:
    there, _ = sample_run
    forecast = there.frame("revenue_forecast", "2023-12")
    predicted = there.frame("win_predictions", "2023-12")
    first = forecast[forecast["horizon_months"] == 1]
    sums = first.groupby("level")[["open_deals", "expected_wins", "expected_revenue"]].sum()
    assert set(sums.index) == {"total", "sales_agent", "manager", "regional_office", "product"}
    for level in sums.index:
        assert sums.loc[level, "open_deals"] == len(predicted)
        assert sums.loc[level, "expected_wins"] == pytest.approx(predicted["probability"].sum())
        assert sums.loc[level, "expected_revenue"] == pytest.approx(predicted["expected_revenue"].sum())


def test_a_run_of_many_months_makes_each_table_in_one_step(sample_run: tuple[Place, str]) -> None:
    there, _ = sample_run
    starts = there.events_of_first_run(dg.DagsterEventType.STEP_START)
    assert set(starts.values()) == {1}
    stored = there.events_of_first_run(dg.DagsterEventType.ASSET_MATERIALIZATION)
    assert {name: stored[name] for name in ("raw_tables", "opportunities", "win_features")} == {
        # The step also makes the quarantined rows and the table of archived dumps.
        "raw_tables": len(RAW_TABLES) + 2,
        "opportunities": 1,
        "win_features": 15,
    }


def test_each_month_shows_its_own_row_count(sample_run: tuple[Place, str]) -> None:
    there, _ = sample_run
    for month in ("2023-05", "2023-12"):
        shown = there.metadata("win_features", month)
        assert shown["dagster/row_count"].value == len(there.frame("win_features", month))
        assert shown.keys() >= FACTS_OF_EVERY_TABLE


def test_the_champion_shows_its_plots_leaderboard_and_mlflow_run(sample_run: tuple[Place, str]) -> None:
    there, _ = sample_run
    shown = there.metadata("champion")
    for name in PLOTS:
        encoded = str(shown[name].value).split("base64,")[1].rstrip(")")
        assert base64.b64decode(encoded).startswith(b"\x89PNG")
    assert shown["synthetic"].value is True
    assert all(name in str(shown["leaderboard"].value) for name in (*ALGORITHMS, "seasonal_rate"))


def test_the_real_dump_is_forecast_in_full(real_run: tuple[Place, str]) -> None:
    there, printed = real_run
    assert len(there.frame("win_predictions", "2017-12")) == 1_589
    deals = there.frame("opportunities")
    assert deals.loc[deals["stage"] == "Won", "close_value"].sum() == 10_005_534
    assert f"8 of {len(FEATURES)} features know the outcome" in printed
    assert "SYNTHETIC" not in printed


def test_the_champion_of_the_real_dump_is_as_good_as_the_reference_and_no_better_than_honest(
    real_run: tuple[Place, str],
) -> None:
    there, _ = real_run
    board = there.frame("champion").set_index("contender")
    chosen = board[board["chosen"]].iloc[0]
    assert 0.825 <= chosen["test_roc_auc"] < 0.87
    assert chosen["test_brier"] <= 0.088
    assert chosen["test_realized_wins"] == 54 + 329 + 431
    assert chosen["test_roc_auc"] > board.loc["seasonal_rate", "test_roc_auc"]
    assert chosen["test_brier"] < board.loc["seasonal_rate", "test_brier"]


def test_explanations_use_admissible_features_only(real_run: tuple[Place, str]) -> None:
    there, _ = real_run
    audit = there.frame("leak_audit")
    admissible = set(audit.loc[audit["used"], "feature"])
    predicted = there.frame("win_predictions", "2017-12")
    for column, sign in (("pushed_up", 1), ("pushed_down", -1)):
        pushes = predicted[column].explode().dropna()
        assert {push["feature"] for push in pushes} <= admissible
        assert all(push["contribution"] * sign > 0 for push in pushes)
        assert predicted[column].map(len).le(3).all()
    # A model of few parts may push a deal in one direction only.
    assert (predicted["pushed_up"].map(len) + predicted["pushed_down"].map(len)).ge(1).all()

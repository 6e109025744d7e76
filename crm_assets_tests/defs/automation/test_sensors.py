"""The runs that the sensors request, and when they request none."""

from __future__ import annotations

import sys
import time

import dagster as dg
import pytest

from crm_assets_tests.defs.automation.conftest import LABELED, NEWEST, History
from dev.daemon import MODEL
from dev.waiting import crowding

# The calendar comes from the data and has an end; automation is off, which is the default.
SETTINGS: dict[str, str] = {}

FAILED, STARTED = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.STARTED


def register_another_version(history: History) -> None:
    history.registry.create_model_version(MODEL, (history.there.folder / "home").as_uri())


def test_nothing_is_refreshed_while_the_predictions_are_the_champions(history: History) -> None:
    assert (
        history.skipped("champion_changed")
        == f"Version 1 made the predictions of {NEWEST}: they are up to date."
    )


def test_a_moved_alias_asks_for_the_newest_month_once(history: History) -> None:
    register_another_version(history)
    history.set_champion("2")
    request = history.requested("champion_changed")
    assert request.partition_key == NEWEST
    # A daemon that dies before it records the request repeats it with the same key, so no second run starts.
    assert history.requested("champion_changed").run_key == request.run_key
    history.predicted("2")
    assert (
        history.skipped("champion_changed")
        == f"Version 2 made the predictions of {NEWEST}: they are up to date."
    )


def test_each_change_back_and_forth_asks_for_one_run_of_its_own(history: History) -> None:
    register_another_version(history)
    keys = []
    for change in range(6):
        version = str(2 - change % 2)
        history.set_champion(version)
        keys.append(history.requested("champion_changed").run_key)
        history.predicted(version)
    assert len(set(keys)) == 6
    assert (
        history.skipped("champion_changed")
        == f"Version 1 made the predictions of {NEWEST}: they are up to date."
    )


def test_a_change_that_is_taken_back_before_it_is_refreshed_asks_for_nothing(history: History) -> None:
    register_another_version(history)
    history.set_champion("2")
    history.set_champion("1")
    assert (
        history.skipped("champion_changed")
        == f"Version 1 made the predictions of {NEWEST}: they are up to date."
    )


def test_a_refresh_under_way_is_waited_for(history: History) -> None:
    register_another_version(history)
    history.set_champion("2")
    run = history.run("prediction_refresh", STARTED)
    assert history.skipped("champion_changed") == f"Run {run.run_id} is writing predictions."


def test_a_forecast_older_than_its_predictions_is_refreshed(history: History) -> None:
    history.materialized("win_predictions", NEWEST, champion_version="1")
    assert history.requested("champion_changed").partition_key == NEWEST


def test_a_failed_refresh_is_tried_three_times_and_no_more(history: History) -> None:
    register_another_version(history)
    history.set_champion("2")
    keys = set()
    for _ in range(3):
        request = history.requested("champion_changed")
        keys.add(request.run_key)
        history.run("prediction_refresh", FAILED, crm_refresh=request.tags["crm/refresh"])
    assert len(keys) == 3
    assert "3 runs have failed" in history.skipped("champion_changed")


def test_a_deleted_alias_or_version_is_told_and_passed_over(history: History) -> None:
    history.registry.delete_registered_model_alias(MODEL, "champion")
    assert history.skipped("champion_changed") == "No version has the alias champion."
    history.set_champion("1")
    history.registry.delete_model_version(MODEL, "1")
    assert history.skipped("champion_changed") == "No version has the alias champion."


def test_a_registry_that_does_not_answer_is_passed_over_within_seconds(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = {"mlflow_tracking_uri": "http://me:secret@127.0.0.1:9"}
    settings = history.sensors.get_settings().model_copy(update=away)
    monkeypatch.setattr(history.sensors, "get_settings", lambda: settings)
    start = time.monotonic()
    said = history.skipped("champion_changed")
    assert said.startswith("MLflow at http://127.0.0.1:9 does not answer")
    assert said.endswith("the next tick asks again.")
    assert time.monotonic() - start < 20 * crowding()


def test_nothing_is_retrained_while_no_label_is_new(history: History) -> None:
    assert LABELED in history.skipped("labels_arrived")


def test_new_labels_ask_for_one_retraining_of_their_months(history: History) -> None:
    history.materialized("champion", None, trained_until="2023-09")
    request = history.requested("labels_arrived")
    assert request.tags["dagster/asset_partition_range_start"] == "2023-10"
    assert request.tags["dagster/asset_partition_range_end"] == LABELED
    assert history.requested("labels_arrived").run_key == request.run_key
    run = history.run("retraining", STARTED)
    assert history.skipped("labels_arrived") == f"Run {run.run_id} is processing months or training."


def test_automation_stands_still_until_it_is_switched_on(history: History) -> None:
    for sensor in history.sensors.sensors:
        assert sensor.default_status is dg.DefaultSensorStatus.STOPPED
    assert history.schedules.first_of_month.default_status is dg.DefaultScheduleStatus.STOPPED


def test_a_calendar_with_an_end_says_that_there_is_nothing_new(history: History) -> None:
    answer = history.schedule(2026, 5)
    assert isinstance(answer, dg.SkipReason)
    assert answer.skip_message == "Nothing new: the last month, 2023-12, is materialized."


def test_what_trains_and_what_writes_predictions_waits_in_line(history: History) -> None:
    graph = history.definitions.resolve_job_def("monthly_win_probability").graph
    pools = {
        node.name: node.definition.pool
        for node in graph.nodes
        if isinstance(node.definition, dg.OpDefinition)
    }
    assert {name for name, pool in pools.items() if pool == "training"} >= {
        "training_set",
        "xgboost",
        "champion",
    }
    assert {name for name, pool in pools.items() if pool == "predictions"} == {
        "current_predictions",
        "win_predictions",
        "revenue_forecast",
    }
    limits = history.instance.get_concurrency_config().pool_config
    assert (str(limits.pool_granularity), limits.default_pool_limit) == ("PoolGranularity.RUN", 1)


def test_without_a_webhook_nobody_watches_for_failures(history: History) -> None:
    assert history.sensor_names() == {"champion_changed", "labels_arrived", "predictions_arrived"}


def test_new_predictions_ask_for_one_look_back_and_then_for_none(history: History) -> None:
    request = history.requested("predictions_arrived")
    assert request.tags["dagster/asset_partition_range_end"] == NEWEST
    assert history.requested("predictions_arrived").run_key == request.run_key
    run = history.run("monitoring", STARTED)
    assert run.run_id in history.skipped("predictions_arrived")
    history.instance.report_run_canceled(run)
    for month in history.instance.get_materialized_partitions(dg.AssetKey("win_predictions")):
        history.materialized("performance_estimate", month)
    assert history.skipped("predictions_arrived") == "Nothing new: all predicted months are monitored."
    history.predicted("1")
    assert history.requested("predictions_arrived").partition_key == NEWEST


def test_with_evidence_asked_for_new_labels_alone_retrain_nothing(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks = {"retrain": "evidence", "cool_down_days": 0, "champion_max_age": 6}

    def settle(**changed: object) -> None:
        settings = history.sensors.get_settings().model_copy(update=asks | changed)
        monkeypatch.setattr(history.sensors, "get_settings", lambda: settings)
        monkeypatch.setattr(
            sys.modules[history.sensors.evidence.__module__], "get_settings", lambda: settings
        )

    settle()
    history.materialized("champion", None, trained_until="2023-09")
    assert "nothing speaks for retraining" in history.skipped("labels_arrived")
    for version in history.registry.search_model_versions(f"name = '{MODEL}'"):
        history.registry.set_model_version_tag(MODEL, version.version, "trained_months", '["2023-04"]')
    request = history.requested("labels_arrived")
    assert "learned from months up to 2023-04" in request.tags["crm/why"]
    settle(cool_down_days=28)
    assert "CRM_COOL_DOWN_DAYS" in history.skipped("labels_arrived")

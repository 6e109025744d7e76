"""The runs that the schedule requests on the first of a month."""

from __future__ import annotations

import dagster as dg

from crm_assets.defs.assets.options import BY_HAND
from crm_assets_tests.defs.automation.conftest import History

RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


SETTINGS = {
    "CRM_LAST_MONTH": "open",
    "CRM_AUTOMATION": "on",
    "CRM_ALERT_WEBHOOK": "https://hooks.example/secret",
}


def test_the_finished_month_is_taken_in_and_only_once(history: History) -> None:
    answer = history.schedule(2024, 2)
    assert isinstance(answer, dg.RunRequest)
    assert answer.partition_key == "2024-01"
    assert answer.asset_selection is None
    history.materialized("win_features", "2024-01")
    skipped = history.schedule(2024, 2)
    assert isinstance(skipped, dg.SkipReason)
    assert "2024-01, is materialized" in (skipped.skip_message or "")


def test_months_missed_in_an_outage_are_caught_up_by_one_run(history: History) -> None:
    answer = history.schedule(2024, 6)
    assert isinstance(answer, dg.RunRequest)
    assert [answer.tags[tag] for tag in RANGE] == ["2024-01", "2024-05"]


def test_a_run_that_takes_in_months_is_waited_for(history: History) -> None:
    run = history.run("finished_month", dg.DagsterRunStatus.STARTED)
    answer = history.schedule(2024, 2)
    assert isinstance(answer, dg.SkipReason)
    assert run.run_id in (answer.skip_message or "")


def test_one_setting_switches_everything_on_and_a_late_month_is_stale(history: History) -> None:
    for sensor in history.sensors.sensors:
        assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert history.schedules.first_of_month.default_status is dg.DefaultScheduleStatus.RUNNING
    for spec in history.definitions.resolve_all_asset_specs():
        # What people run by hand has no deadline.
        assert (spec.freshness_policy is None) == (spec.group_name in BY_HAND)


def test_before_the_first_champion_a_month_comes_without_predictions(history: History) -> None:
    history.instance.wipe_assets([dg.AssetKey("win_predictions")])
    answer = history.schedule(2024, 2)
    assert isinstance(answer, dg.RunRequest)
    chosen = {key.to_user_string() for key in answer.asset_selection or []}
    assert "win_features" in chosen
    assert not chosen & {"win_predictions", "revenue_forecast", "champion"}


def test_with_a_webhook_failures_are_watched(history: History) -> None:
    names = {
        "champion_changed",
        "labels_arrived",
        "predictions_arrived",
        "run_failed",
        "forecast_needs_a_look",
    }
    assert history.sensor_names() == names

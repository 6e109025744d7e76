"""What Dagster's history says: which months there are, what was made of what, and what is under way."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster import DagsterRunStatus as Status

from crm_assets.crm.tables import CHAMPION, REVENUE_FORECAST, WIN_FEATURES, WIN_PREDICTIONS
from crm_assets.defs.metadata import Fact
from crm_assets.defs.partitions import monthly

UNDER_WAY = (
    Status.NOT_STARTED,
    Status.QUEUED,
    Status.STARTING,
    Status.STARTED,
    Status.CANCELING,
)
GONE_WRONG = (Status.FAILURE, Status.CANCELED)

# How often one and the same goal is tried within the hours, lest what stays broken floods.
MOST_TRIES, HOURS = 3, 6


def stored_months(instance: dg.DagsterInstance) -> list[str]:
    """The months of the calendar that have features, in order."""
    stored = instance.get_materialized_partitions(dg.AssetKey(WIN_FEATURES.name))
    return sorted(stored & set(monthly.get_partition_keys()))


def predictions_of(instance: dg.DagsterInstance, month: str) -> str | None:
    """The champion version that a month's predictions and forecast are of; None where there are none.

    None, too, where the forecast is older than the predictions: it adds up others.
    """
    predictions = _newest(instance, WIN_PREDICTIONS.name, month)
    forecast = _newest(instance, REVENUE_FORECAST.name, month)
    if predictions is None or forecast is None or forecast.storage_id < predictions.storage_id:
        return None
    return _metadata(predictions, Fact.CHAMPION_VERSION)


def newest_forecast(instance: dg.DagsterInstance, month: str) -> int:
    """The number of the event that made a month's forecast; 0 where there is none."""
    event = _newest(instance, REVENUE_FORECAST.name, month)
    return 0 if event is None else event.storage_id


def trained_until(instance: dg.DagsterInstance) -> str | None:
    """The last month whose labels a champion candidate has learned from; None before the first."""
    event = _newest(instance, CHAMPION.name)
    return None if event is None else _metadata(event, Fact.TRAINED_UNTIL)


def predicted_before(instance: dg.DagsterInstance) -> bool:
    """Whether any month has ever been predicted: a champion has been there."""
    return bool(instance.get_materialized_partitions(dg.AssetKey(WIN_PREDICTIONS.name)))


def under_way(instance: dg.DagsterInstance, jobs: Collection[str], assets: Collection[str]) -> str | None:
    """The first unfinished run of one of `jobs`, or of one of `assets` by hand; None where there is none."""
    keys = {dg.AssetKey(name) for name in assets}
    for run in instance.get_runs(dg.RunsFilter(statuses=UNDER_WAY)):
        chosen = run.asset_selection
        if (run.job_name in jobs and chosen is None) or (chosen and chosen & keys):
            return run.run_id
    return None


def tries(instance: dg.DagsterInstance, tag: str, goal: str) -> int:
    """How many runs there were towards a goal, whatever became of them."""
    return instance.get_runs_count(dg.RunsFilter(tags={tag: goal}))


def failures(instance: dg.DagsterInstance, tag: str, goal: str) -> int:
    """How many runs towards a goal have failed or were canceled in the last `HOURS`."""
    since = datetime.now(UTC) - timedelta(hours=HOURS)
    chosen = dg.RunsFilter(tags={tag: goal}, statuses=GONE_WRONG, created_after=since)
    return instance.get_runs_count(chosen)


def _newest(instance: dg.DagsterInstance, asset: str, month: str | None = None) -> dg.EventLogRecord | None:
    chosen = dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[month] if month else None)
    records = instance.fetch_materializations(chosen, limit=1).records
    return records[0] if records else None


def _metadata(record: dg.EventLogRecord, name: str) -> str | None:
    event = record.asset_materialization
    value = event.metadata.get(name) if event else None
    return None if value is None else str(value.value)

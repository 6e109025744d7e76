"""What Dagster's history says: the stored months, the version that made them, and the active runs."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster import DagsterRunStatus as Status

from crm_assets.crm.tables import CHAMPION, REVENUE_FORECAST, WIN_FEATURES, WIN_PREDICTIONS
from crm_assets.defs.metadata import Fact
from crm_assets.defs.partitions import monthly
from crm_assets.monitoring.tables import PERFORMANCE_ESTIMATE

UNDER_WAY = (
    Status.NOT_STARTED,
    Status.QUEUED,
    Status.STARTING,
    Status.STARTED,
    Status.CANCELING,
)
GONE_WRONG = (Status.FAILURE, Status.CANCELED)

# Give up after this many failed runs within these hours, so that a lasting fault does not flood the queue.
MOST_TRIES, HOURS = 3, 6


def stored_months(instance: dg.DagsterInstance) -> list[str]:
    """Return the months of the calendar that have features, in order."""
    stored = instance.get_materialized_partitions(dg.AssetKey(WIN_FEATURES.name))
    return sorted(stored & set(monthly.get_partition_keys()))


def predictions_of(instance: dg.DagsterInstance, month: str) -> str | None:
    """Return the champion version that made a month's predictions and forecast; None if there are none.

    Also None if the forecast is older than the predictions, since it then sums up earlier ones.
    """
    predictions = _newest(instance, WIN_PREDICTIONS.name, month)
    forecast = _newest(instance, REVENUE_FORECAST.name, month)
    if predictions is None or forecast is None or forecast.storage_id < predictions.storage_id:
        return None
    return _metadata(predictions, Fact.CHAMPION_VERSION)


def newest_forecast(instance: dg.DagsterInstance, month: str) -> int:
    """Return the number of the event that made a month's forecast; 0 if there is none."""
    event = _newest(instance, REVENUE_FORECAST.name, month)
    return 0 if event is None else event.storage_id


def trained_until(instance: dg.DagsterInstance) -> str | None:
    """Return the last month whose labels a champion candidate has learned from; None before the first."""
    event = _newest(instance, CHAMPION.name)
    return None if event is None else _metadata(event, Fact.TRAINED_UNTIL)


def trained_at(instance: dg.DagsterInstance) -> datetime | None:
    """Return when a champion candidate was last trained; None before the first."""
    event = _newest(instance, CHAMPION.name)
    return None if event is None else datetime.fromtimestamp(event.timestamp, UTC)


def unmonitored(instance: dg.DagsterInstance) -> list[str]:
    """Return the predicted months that no table of monitoring looked at since, in order.

    The newest month counts if its predictions are newer than what monitoring says about them.
    """
    predicted = instance.get_materialized_partitions(dg.AssetKey(WIN_PREDICTIONS.name))
    seen = instance.get_materialized_partitions(dg.AssetKey(PERFORMANCE_ESTIMATE.name))
    months = [month for month in stored_months(instance) if month in predicted]
    if not months:
        return []
    newest = months[-1]
    made, looked = (_newest(instance, n, newest) for n in (WIN_PREDICTIONS.name, PERFORMANCE_ESTIMATE.name))
    stale = made is not None and (looked is None or looked.storage_id < made.storage_id)
    return [month for month in months if month not in seen or (month == newest and stale)]


def predicted_before(instance: dg.DagsterInstance) -> bool:
    """Tell whether any month was ever predicted, which means that there was a champion."""
    return bool(instance.get_materialized_partitions(dg.AssetKey(WIN_PREDICTIONS.name)))


def under_way(instance: dg.DagsterInstance, jobs: Collection[str], assets: Collection[str]) -> str | None:
    """Return the first unfinished run of one of `jobs`, or of one of `assets` by hand; None if none is."""
    keys = {dg.AssetKey(name) for name in assets}
    for run in instance.get_runs(dg.RunsFilter(statuses=UNDER_WAY)):
        chosen = run.asset_selection
        if (run.job_name in jobs and chosen is None) or (chosen and chosen & keys):
            return run.run_id
    return None


def tries(instance: dg.DagsterInstance, tag: str, goal: str) -> int:
    """Count the runs for a goal, whether they succeeded or not."""
    return instance.get_runs_count(dg.RunsFilter(tags={tag: goal}))


def failures(instance: dg.DagsterInstance, tag: str, goal: str) -> int:
    """Count the runs for a goal that failed or were canceled in the last `HOURS`."""
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

"""What Dagster's history says for the metrics: when each asset last succeeded, and how runs ended."""

from __future__ import annotations

import re
from collections.abc import Iterator

import dagster as dg

from crm_assets.defs.metadata import Fact
from crm_assets.monitoring.metrics import ASSET_ROWS, ASSET_SUCCESS, RUN_END, RUNS_UNDER_WAY, Sample, newest

MONTH = re.compile(r"\d{4}-\d{2}")
ENDS = {"success": dg.DagsterRunStatus.SUCCESS, "failure": dg.DagsterRunStatus.FAILURE}
UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


class LastRuns:
    """Reads the instance of `DAGSTER_HOME`, each event once: they hold plots and take long to read."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Sample, ...]] = {}
        self._newest: dict[dg.AssetKey, int] = {}

    def read(self) -> list[Sample]:
        """Return the samples of now."""
        with dg.DagsterInstance.get() as instance:
            return [*_runs(instance), *self._assets(instance)]

    def _assets(self, instance: dg.DagsterInstance) -> Iterator[Sample]:
        shown: set[int] = set()
        keys = instance.get_asset_keys()
        self._newest = {key: number for key, number in self._newest.items() if key in keys}
        for key in keys:
            found = instance.get_materialized_partitions(key)
            months = newest(month for month in found if MONTH.fullmatch(month))
            shown |= self._months(instance, key, months) if months else self._whole(instance, key)
        self._known = {number: self._known[number] for number in sorted(shown)}
        for samples in self._known.values():
            yield from samples

    def _months(self, instance: dg.DagsterInstance, key: dg.AssetKey, months: list[str]) -> set[int]:
        kind = dg.DagsterEventType.ASSET_MATERIALIZATION
        ids = set(instance.get_latest_storage_id_by_partition(key, kind, set(months)).values())
        if unread := sorted(ids - self._known.keys()):
            self._keep(instance, dg.AssetRecordsFilter(key, storage_ids=unread), len(unread))
        return ids & self._known.keys()

    def _whole(self, instance: dg.DagsterInstance, key: dg.AssetKey) -> set[int]:
        before = self._newest.get(key)
        after = self._keep(instance, dg.AssetRecordsFilter(key, after_storage_id=before), 1)
        number = max(after, default=before)
        if number is None:
            return set()
        self._newest[key] = number
        return {number}

    def _keep(self, instance: dg.DagsterInstance, chosen: dg.AssetRecordsFilter, limit: int) -> list[int]:
        records = instance.fetch_materializations(chosen, limit=limit).records
        for record in records:
            month = record.partition_key if MONTH.fullmatch(record.partition_key or "") else None
            event = _of_event(chosen.asset_key.to_user_string(), month or "", record.event_log_entry)
            self._known[record.storage_id] = tuple(event)
        return [record.storage_id for record in records]


def _runs(instance: dg.DagsterInstance) -> Iterator[Sample]:
    for name, status in ENDS.items():
        found = instance.get_run_records(
            dg.RunsFilter(statuses=[status]), limit=1, order_by="update_timestamp"
        )
        if found and found[0].end_time:
            yield Sample(RUN_END, (name,), found[0].end_time)
    yield Sample(RUNS_UNDER_WAY, (), instance.get_runs_count(dg.RunsFilter(statuses=UNDER_WAY)))


def _of_event(asset: str, month: str, event: dg.EventLogEntry) -> Iterator[Sample]:
    yield Sample(ASSET_SUCCESS, (asset, month), event.timestamp)
    made = event.asset_materialization
    rows = made.metadata.get(Fact.ROW_COUNT) if made else None
    if rows is not None and isinstance(rows.value, int):
        yield Sample(ASSET_ROWS, (asset, month), rows.value)

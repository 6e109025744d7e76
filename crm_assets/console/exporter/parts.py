"""Read the parts that metrics come from: tables and registry; `defs.last_runs` reads the runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping

import pandas as pd
import pyarrow.parquet as pq

from crm_assets.crm.archive import in_use
from crm_assets.crm.schema import RAW_TABLES
from crm_assets.crm.tables import DATA_QUALITY, QUARANTINED_ROWS, REVENUE_FORECAST, WIN_PREDICTIONS
from crm_assets.crm.targets import DEFAULT_TARGET, target
from crm_assets.monitoring import metrics
from crm_assets.monitoring.drift_table import DRIFT_REPORT
from crm_assets.monitoring.metrics import Sample
from crm_assets.monitoring.tables import FORECAST_ACCURACY, PERFORMANCE_ESTIMATE
from crm_assets.settings import OPEN_END, get_settings
from crm_assets.storage.archive import Archive
from crm_assets.storage.choice import open_store
from crm_assets.storage.tables import TableStore


def read_tables() -> list[Sample]:
    """Return what the stored tables say.

    Raises:
        CrmAssetsError: they are another source's, or the store does not answer.
    """
    return list(_tables(open_store(get_settings())))


def read_registry() -> list[Sample]:
    """Return what the registry says; nothing if there is no champion.

    Raises:
        SourceUnavailableError: it does not answer.
    """
    from crm_assets.registry import serving

    found = serving.champion(get_settings())
    if found is None:
        return []
    tags, version, limit = found.version.tags, found.version, get_settings().champion_max_age
    learned = target(tags.get("target", DEFAULT_TARGET.name))
    months = json.loads(tags.get("trained_months", "[]"))
    until = learned.last_month(max(months)) if months else ""
    since = version.creation_timestamp / 1000
    return list(metrics.of_champion(str(version.version), tags, since, until, limit))


def parts() -> Mapping[str, Callable[[], list[Sample]]]:
    """Return what reads each part."""
    from crm_assets.defs.last_runs import LastRuns

    return {
        metrics.RUNS: LastRuns().read,
        metrics.TABLES: read_tables,
        metrics.REGISTRY: read_registry,
    }


def _tables(store: TableStore) -> Iterator[Sample]:
    store.check()
    yield Sample(metrics.LIVE, (), float(get_settings().last_month == OPEN_END))
    if dumps := in_use(Archive(store).dumps(), get_settings().withdrawn_dumps):
        yield Sample(metrics.DATA_KNOWN, (), metrics.end_of_day(dumps[-1].known_on))
    if months := store.months(WIN_PREDICTIONS.name):
        yield Sample(metrics.PREDICTED, (), metrics.end_of(months[-1]))
    if store.has(DATA_QUALITY.name):
        yield from metrics.of_quality(_frame(store, DATA_QUALITY.name))
    if store.has(QUARANTINED_ROWS.name):
        tables = pq.read_table(store.path(QUARANTINED_ROWS.name), columns=["table", "source_row"]).to_pandas()
        yield from metrics.of_quarantine(
            tables.drop_duplicates()["table"], [table.name for table in RAW_TABLES]
        )
    if months := store.months(REVENUE_FORECAST.name):
        yield from metrics.of_forecast(_frame(store, REVENUE_FORECAST.name, months[-1:]))
    if months := metrics.newest(store.months(FORECAST_ACCURACY.name)):
        yield from metrics.of_accuracy(_frame(store, FORECAST_ACCURACY.name, months))
    if months := metrics.newest(store.months(DRIFT_REPORT.name)):
        yield from metrics.of_drift(_frame(store, DRIFT_REPORT.name, months))
    if months := store.months(PERFORMANCE_ESTIMATE.name):
        yield from metrics.of_estimate(_frame(store, PERFORMANCE_ESTIMATE.name, months[-1:]))


def _frame(store: TableStore, name: str, months: list[str] | None = None) -> pd.DataFrame:
    """Return a small table, or some months of it, without the engine."""
    paths = [str(store.path(name))] if months is None else store.paths(name, months)
    return pd.concat([pq.read_table(path).to_pandas() for path in paths], ignore_index=True)

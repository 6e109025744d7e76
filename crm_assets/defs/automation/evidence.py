"""What speaks for training again or for telling somebody, from the stored tables and the registry."""

from __future__ import annotations

import pandas as pd

from crm_assets.monitoring.alarm import drifts
from crm_assets.monitoring.tables import FORECAST_ACCURACY
from crm_assets.monitoring.triggers import Reason, reasons
from crm_assets.registry.watch import champion_trained_until
from crm_assets.settings import get_settings
from crm_assets.storage.tables import TableStore

# The value of `CRM_RETRAIN` with which labels alone do not retrain.
EVIDENCE = "evidence"
# How many of the newest months are looked at.
MONTHS = 3


def evidence(store: TableStore, newest: str) -> list[Reason]:
    """Return what speaks for training again, the strongest first.

    Args:
        store: the stored tables; those of monitoring may be missing.
        newest: the newest month with features.

    Raises:
        SourceUnavailableError: the registry does not answer.
    """
    settings = get_settings()
    return reasons(
        _newest(store, FORECAST_ACCURACY.name),
        drifts(report) if len(report := _newest(store, "drift_report")) else [],
        newest,
        champion_trained_until(settings),
        settings.champion_max_age,
    )


def _newest(store: TableStore, name: str) -> pd.DataFrame:
    months = store.months(name)[-MONTHS:]
    return store.to_pandas(store.read(name, months)) if months else pd.DataFrame()

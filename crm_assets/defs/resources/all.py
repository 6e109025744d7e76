"""The resources of the graph."""

from __future__ import annotations

from typing import Any

from crm_assets.defs.assets.pulled import pull_resources
from crm_assets.defs.resources.fold_models import RunFoldModels
from crm_assets.defs.resources.mlflow import MlflowSession
from crm_assets.defs.resources.store import table_store
from crm_assets.defs.resources.tables import TableIOManager


def run_resources() -> dict[str, Any]:
    """Return the resources of a run, which share one table store."""
    tables = table_store()
    return {
        "tables": tables,
        "io_manager": TableIOManager(tables=tables),
        "mlflow": MlflowSession(tables=tables),
        "fold_models": RunFoldModels(),
        **pull_resources(),
    }

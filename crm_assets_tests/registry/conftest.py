"""A registry without versions, on the session's server."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from crm_assets.registry import tracking
from crm_assets.registry.aliases import MODEL
from crm_assets.registry.ownership import SOURCE


def emptied(address: str) -> MlflowClient:
    """Remove our registered model and its owner from a server, and return a client."""
    client = MlflowClient(address, address)
    if (experiment := client.get_experiment_by_name(tracking.EXPERIMENT)) and experiment.tags.get(SOURCE):
        client.delete_experiment_tag(experiment.experiment_id, SOURCE)
    if client.search_registered_models(f"name = '{MODEL}'"):
        client.delete_registered_model(MODEL)
    return client


@pytest.fixture
def registry(tracking_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> MlflowClient:
    """Return the real server, with a registered model that has no version."""
    monkeypatch.setenv("CRM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CRM_MLFLOW_TRACKING_URI", tracking_server)
    client = emptied(tracking_server)
    tracking.connect(tracking_server, tmp_path)
    client.create_registered_model(MODEL)
    return client

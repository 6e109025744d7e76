"""Registries without versions: the embedded one of a laptop, and the one on the session's server."""

from __future__ import annotations

import shutil
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


@pytest.fixture(scope="module")
def registry_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the database of an embedded registry, made once: this takes most of a second."""
    folder = tmp_path_factory.mktemp("registry")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRM_HOME", str(folder))
        tracking.connect(f"sqlite:///{folder / 'mlflow.db'}", folder / "artifacts")
    return folder / "mlflow.db"


@pytest.fixture
def registry(registry_database: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> MlflowClient:
    """Return an embedded registry, with a registered model that has no version."""
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(registry_database, home / "mlflow.db")
    monkeypatch.setenv("CRM_HOME", str(home))
    tracking.connect(f"sqlite:///{home / 'mlflow.db'}", home / "artifacts")
    client = MlflowClient()
    client.create_registered_model(MODEL)
    return client


@pytest.fixture
def on_a_server(tracking_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> MlflowClient:
    """Return the real server, with a registered model that has no version."""
    monkeypatch.setenv("CRM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CRM_MLFLOW_TRACKING_URI", tracking_server)
    client = emptied(tracking_server)
    tracking.connect(tracking_server, tmp_path)
    client.create_registered_model(MODEL)
    return client

"""One API on a finished run of the sample, which all tests of this room share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import mlflow
import pytest
import skops.io
from mlflow.tracking import MlflowClient

from crm_assets.insight.scope import scope_of
from crm_assets.modeling.calibrations.platt import Platt
from crm_assets.registry.aliases import CHAMPION, MODEL
from crm_assets.registry.past import WALK_FORWARD_FILE
from crm_assets.registry.reading import MODEL_FILE
from crm_assets.serving.keys import add_row, new_key
from dev.api_server import api_server
from dev.place import Place

# Between two questions of one of those who ask without end: a load, but no race for the processor.
BETWEEN_S = 0.01

RAW = ("opportunity_id", "sales_agent", "product", "account", "engage_date")


@dataclass
class Api:
    """A running API: its address, its installation, and keys by name."""

    address: str
    pid: int
    place: Place
    keys: dict[str, str]
    log: Path

    def client(self, key: str = "all") -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.keys[key]}"} if key else {}
        return httpx.Client(base_url=self.address, headers=headers, timeout=120)

    def raw_deals(self, month: str) -> list[dict[str, Any]]:
        """Return the scored deals of a month as a CRM posts them, in the order of the predictions."""
        raw = self.place.frame("raw_sales_pipeline").set_index("opportunity_id", drop=False)
        rows = raw.loc[self.place.frame("win_predictions", month)["opportunity_id"]]
        rows = rows[[name for name in RAW if name in rows]].astype(object)
        return [
            {name: f"{value}" for name, value in row.items() if value is not None and value == value}
            for row in rows.to_dict("records")
        ]

    def point(self, version: str) -> None:
        """Give a version the alias `champion`."""
        self.registry.set_registered_model_alias(MODEL, CHAMPION, version)

    @property
    def registry(self) -> MlflowClient:
        uri = f"sqlite:///{self.place.folder / 'home' / 'mlflow.db'}"
        return MlflowClient(uri, uri)


def second_version(client: MlflowClient, folder: Path) -> str:
    """Register the champion again with another calibration, so that its answers differ."""
    mlflow.set_tracking_uri(client.tracking_uri)
    first = client.get_model_version_by_alias(MODEL, CHAMPION)
    files = Path(
        mlflow.artifacts.download_artifacts(f"models:/{MODEL}/{first.version}", dst_path=str(folder))
    )
    mlflow.artifacts.download_artifacts(
        run_id=str(first.run_id), artifact_path=WALK_FORWARD_FILE, dst_path=str(folder)
    )
    untrusted = skops.io.get_untrusted_types(file=files / MODEL_FILE)
    model = skops.io.load(files / MODEL_FILE, trusted=untrusted)
    model.calibrator = Platt(0.5, 0.1)
    skops.io.dump(model, files / MODEL_FILE)
    run = client.create_run(client.get_run(str(first.run_id)).info.experiment_id)
    client.log_artifact(run.info.run_id, str(files / MODEL_FILE), "model")
    client.log_artifact(run.info.run_id, str(folder / WALK_FORWARD_FILE))
    made = client.create_model_version(
        MODEL, f"{run.info.artifact_uri}/model", run.info.run_id, tags=first.tags
    )
    client.set_terminated(run.info.run_id)
    return str(made.version)


@pytest.fixture(scope="session")
def api(sample_run: tuple[Place, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("api")
    there = sample_run[0].copy(folder / "place")
    file, keys = folder / "keys.yaml", {}
    office = there.frame("win_predictions", newest(there))["regional_office"].iloc[0]
    for name, may, sees, until in (
        ("all", ["read", "score"], "all", None),
        ("office", ["read", "score"], f"office:{office}", None),
        ("reader", ["read"], "all", None),
        ("expired", ["read", "score"], "all", date(2020, 1, 1)),
    ):
        keys[name], row = new_key(name, may, scope_of(sees), until)
        add_row(file, row)
    settings = {"CRM_API_KEY_FILE": str(file), "CRM_POLL_SECONDS": "1", "CRM_API_TIMEOUT": "3"}
    environment = there.environment(**settings, CRM_API_MAX_BODY="300000", CRM_API_IN_FLIGHT="16")
    with api_server(folder, environment) as (address, pid):
        yield Api(address, pid, there, keys, folder / "api.log")


def newest(there: Place) -> str:
    """Return the newest scored month of an installation."""
    return max(path.stem for path in (there.tables / "win_predictions").glob("*.parquet"))

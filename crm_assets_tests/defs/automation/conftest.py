"""Fixtures with a finished installation, so that sensors and schedule can be evaluated in this process."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from types import ModuleType

import dagster as dg
import pytest
from mlflow.tracking import MlflowClient

from dev.daemon import MODEL
from dev.here import loaded_anew
from dev.place import Place

NEWEST, LABELED = "2023-12", "2023-11"


@dataclass
class History:
    """Dagster's history of an installation, and its registry, as a sensor sees them."""

    there: Place
    instance: dg.DagsterInstance
    sensors: ModuleType
    schedules: ModuleType
    definitions: dg.Definitions

    @property
    def registry(self) -> MlflowClient:
        uri = f"sqlite:///{self.there.folder / 'home' / 'mlflow.db'}"
        return MlflowClient(uri, uri)

    def set_champion(self, version: str) -> None:
        self.registry.set_registered_model_alias(MODEL, "champion", version)

    def sensor(self, name: str) -> dg.RunRequest | dg.SkipReason:
        context = dg.build_sensor_context(
            self.instance,
            repository_def=self.definitions.get_repository_def(),
            resources={"tables": (self.definitions.resources or {})["tables"]},
        )
        return getattr(self.sensors, name)(context)

    def skipped(self, name: str) -> str:
        answer = self.sensor(name)
        assert isinstance(answer, dg.SkipReason), answer
        return answer.skip_message or ""

    def requested(self, name: str) -> dg.RunRequest:
        answer = self.sensor(name)
        assert isinstance(answer, dg.RunRequest), answer
        return answer

    def sensor_names(self) -> set[str]:
        return {sensor.name for sensor in self.definitions.get_repository_def().sensor_defs}

    def schedule(self, year: int, month: int) -> dg.RunRequest | dg.SkipReason:
        context = dg.build_schedule_context(
            self.instance,
            repository_def=self.definitions.get_repository_def(),
            scheduled_execution_time=datetime(year, month, 1, 6, tzinfo=UTC),
        )
        return self.schedules.first_of_month(context)

    def run(
        self, job: str, status: dg.DagsterRunStatus, assets: list[str] | None = None, **tags: str
    ) -> dg.DagsterRun:
        """Add a run in some state to the history."""
        return self.instance.create_run_for_job(
            self.definitions.resolve_job_def(job),
            status=status,
            tags={name.replace("_", "/", 1): value for name, value in tags.items()},
            asset_selection=frozenset(map(dg.AssetKey, assets)) if assets else None,
        )

    def materialized(self, asset: str, month: str | None, **metadata: str) -> None:
        """Add a materialization to the history."""
        facts = {name.replace("_", " "): value for name, value in metadata.items()}
        self.instance.report_runless_asset_event(
            dg.AssetMaterialization(asset, partition=month, metadata=facts)
        )

    def predicted(self, version: str, month: str = NEWEST) -> None:
        """Add the events of a refresh to the history."""
        self.materialized("win_predictions", month, champion_version=version)
        self.materialized("revenue_forecast", month)


@dataclass(frozen=True)
class Code:
    """The code location as a process with some settings loads it."""

    there: Place
    sensors: ModuleType
    schedules: ModuleType
    definitions: dg.Definitions


@pytest.fixture(scope="session")
def finished(sample_run: tuple[Place, str], tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Return a copy of the sample run, without what other tests of the session materialize into it."""
    there, _ = sample_run
    kept = tmp_path_factory.mktemp("finished")
    for name in ("home", "dagster"):
        shutil.copytree(there.folder / name, kept / name)
    return Place(kept, there.settings)


@pytest.fixture(scope="module")
def code(
    finished: Place, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Code]:
    """Yield the code location, loaded anew with the `SETTINGS` of the test module."""
    there = Place(tmp_path_factory.mktemp("there"), finished.settings | request.module.SETTINGS)
    shutil.copytree(finished.folder / "home", there.folder / "home")
    with loaded_anew(there.environment()):
        definitions = importlib.import_module("crm_assets.definitions")
        sensors, schedules = (
            importlib.import_module(f"crm_assets.defs.automation.{name}") for name in ("sensors", "schedules")
        )
        yield Code(there, sensors, schedules, definitions.defs)


@pytest.fixture
def history(code: Code, finished: Place) -> Iterator[History]:
    """Yield the history of a finished run on the sample: version 1 is champion, all months are stored."""
    folder = code.there.folder
    shutil.rmtree(folder / "dagster", ignore_errors=True)
    shutil.copytree(finished.folder / "dagster", folder / "dagster")
    shutil.copy(finished.folder / "home" / "mlflow.db", folder / "home" / "mlflow.db")
    with dg.DagsterInstance.from_config(str(folder / "dagster")) as instance:
        yield History(code.there, instance, code.sensors, code.schedules, code.definitions)

"""Check the configuration of Dagster's executors for several machines against their schemas."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster_celery import celery_executor
from dagster_k8s import k8s_job_executor

SCALE = Path(__file__).parent.parent.parent / "docker" / "scale"
EXECUTORS = {"kubernetes": k8s_job_executor, "celery": celery_executor}


@dg.asset
def anything() -> int:
    return 1


@pytest.fixture(autouse=True)
def broker(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CELERY_BROKER_URL", "CELERY_RESULT_BACKEND"):
        monkeypatch.setenv(name, "redis://redis:6379/0")


def _job(name: str) -> dg.JobDefinition:
    job = dg.define_asset_job("job", executor_def=EXECUTORS[name])
    return dg.Definitions(assets=[anything], jobs=[job]).resolve_job_def("job")


@pytest.mark.parametrize("name", EXECUTORS)
def test_the_run_config_is_what_the_executor_takes(name: str) -> None:
    config = yaml.safe_load((SCALE / f"{name}.yaml").read_text("utf-8"))
    assert dg.validate_run_config(_job(name), config)


@pytest.mark.parametrize("name", EXECUTORS)
def test_a_misspelled_option_is_refused(name: str) -> None:
    config = yaml.safe_load((SCALE / f"{name}.yaml").read_text("utf-8"))
    config["execution"]["config"]["no_such_option"] = 1
    with pytest.raises(dg.DagsterInvalidConfigError):
        dg.validate_run_config(_job(name), config)

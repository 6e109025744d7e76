"""Check the configuration of Dagster's executor for several machines against its schema.

Kubernetes needs none: each run has a pod of its own (`test_kubernetes`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster_celery import celery_executor

CELERY = Path(__file__).parent.parent.parent / "docker" / "scale" / "celery.yaml"


@dg.asset
def anything() -> int:
    return 1


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    for name in ("CELERY_BROKER_URL", "CELERY_RESULT_BACKEND"):
        monkeypatch.setenv(name, "redis://redis:6379/0")
    return yaml.safe_load(CELERY.read_text("utf-8"))


def test_the_run_config_is_what_the_executor_takes(config: dict[str, Any]) -> None:
    job = dg.define_asset_job("job", executor_def=celery_executor)
    resolved = dg.Definitions(assets=[anything], jobs=[job]).resolve_job_def("job")
    assert dg.validate_run_config(resolved, config)
    config["execution"]["config"]["no_such_option"] = 1
    with pytest.raises(dg.DagsterInvalidConfigError):
        dg.validate_run_config(resolved, config)

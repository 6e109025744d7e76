"""docker/kubernetes/dagster.yaml: what Dagster makes of our values for its official chart."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import dagster
import pytest
import yaml

from crm_assets_tests.scale.conftest import DAGSTER
from dev import kubernetes
from dev.kubernetes import containers, pods
from dev.place import ROOT
from dev.stack.compose import COMPOSE_FILE

pytest.importorskip("kubernetes_validate", reason="make install-scale")

SPECS = yaml.safe_load(COMPOSE_FILE.read_text("utf-8"))["services"]
# Connections to Postgres at their most, as docs/operations/kubernetes.md counts them.
EACH_RUN, DAEMON, CODE_LOCATION, METRICS = 4, 12, 4, 4


def test_a_run_has_its_own_memory_and_ends_with_its_pod(run_job: dict[str, Any]) -> None:
    spec = run_job["spec"]
    pod = spec["template"]["spec"]
    container = pod["containers"][0]
    code = DAGSTER["dagster-user-deployments"]["deployments"][0]
    assert container["resources"]["limits"]["memory"] == "8Gi" != code["resources"]["limits"]["memory"]
    assert spec["backoffLimit"] == 0
    assert spec["ttlSecondsAfterFinished"] == 3600
    assert pod["serviceAccountName"] == code_account()
    assert spec["template"]["metadata"]["labels"]["crm-assets/role"] == "graph"
    assert pod["initContainers"][0]["command"][-1] == "crm_assets.console.start"
    # Dagster's defaults would keep job and pod for a day, and let a code location's memory replace the run's.
    assert code["includeConfigInLaunchedRuns"] == {"enabled": False}
    assert {"configMapRef": {"name": "crm-settings"}} in container["envFrom"]


def code_account() -> str:
    return DAGSTER["dagster-user-deployments"]["serviceAccount"]["name"]


def test_dagster_keeps_the_limits_and_retries_of_the_compose_file() -> None:
    here = yaml.safe_load((ROOT / "docker" / "dagster.yaml").read_text("utf-8"))
    runs, pools = DAGSTER["concurrency"]["runs"], DAGSTER["concurrency"]["pools"]
    assert pools == {"defaultLimit": 1, "granularity": here["concurrency"]["pools"]["granularity"]}
    limits = here["concurrency"]["runs"]["tag_concurrency_limits"]
    assert [limit["key"] for limit in runs["tagConcurrencyLimits"]] == [limit["key"] for limit in limits]
    retries = DAGSTER["dagsterDaemon"]["runRetries"]
    assert retries["maxRetries"] == here["run_retries"]["max_retries"]
    assert retries["retryOnAssetOrOpFailure"] == here["run_retries"]["retry_on_asset_or_op_failure"]
    logs = DAGSTER["computeLogManager"]["config"]["s3ComputeLogManager"]
    assert logs["prefix"] == here["compute_logs"]["config"]["prefix"]


def test_all_connections_together_fit_into_postgres() -> None:
    values = yaml.safe_load((kubernetes.CHART / "values.yaml").read_text("utf-8"))
    most = int(re.findall(r"max_connections=(\d+)", str(SPECS["postgres"]["command"]))[0])
    runs = DAGSTER["concurrency"]["runs"]["maxConcurrentRuns"] * EACH_RUN
    # Three stores with a pool each, and one connection that listens for events.
    webserver = DAGSTER["dagsterWebserver"]["replicaCount"] * (
        3 * (1 + DAGSTER["dagsterWebserver"]["dbPoolMaxOverflow"]) + 1
    )
    # Tracking and registry have a pool each.
    mlflow = 2 * (values["mlflow"]["poolSize"] + values["mlflow"]["maxOverflow"])
    needed = runs + webserver + mlflow + DAEMON + CODE_LOCATION + METRICS
    # Postgres keeps three for its administrator.
    assert needed <= most - 3
    page = (ROOT / "docs" / "operations" / "kubernetes.md").read_text("utf-8")
    assert f"**{needed}**" in page


def test_images_and_versions_are_those_that_are_tested(rendered: list[dict[str, Any]]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    chart = yaml.safe_load((kubernetes.CHART / "Chart.yaml").read_text("utf-8"))
    assert {chart["version"], chart["appVersion"], DAGSTER["x-image"]["tag"]} == {project}
    assert DAGSTER["x-image-name"] == "{repository}:{tag}".format(**DAGSTER["x-image"])
    text = kubernetes.DAGSTER_VALUES.read_text("utf-8")
    assert re.findall(r"--version (\S+)", text) == [dagster.__version__]
    images = {c["image"] for _, template in pods(rendered) for c in containers(template)}
    assert {image for image in images if "redis" in image} == {f"docker.io/library/{SPECS['redis']['image']}"}
    assert DAGSTER["postgresql"]["image"]["tag"] == SPECS["postgres"]["image"].split(":")[1]
    lock = (ROOT / "docker" / "requirements.lock").read_text("utf-8")
    assert re.search(r"^dagster-k8s==", lock, re.MULTILINE)

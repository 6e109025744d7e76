"""`python -m crm_assets.console.mlflow_ui`: start the MLflow UI of the registry in force."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import threading
import time

from crm_assets.console.terminal import run_command, said
from crm_assets.registry.names import EXPERIMENT
from crm_assets.registry.pages import model_page, runs_page
from crm_assets.settings import get_settings, without_password

PORT = 5000
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # Its workers for evaluating language models are three more processes, which nobody here needs.
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "PYTHONWARNINGS": "ignore",
}


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    line = argparse.ArgumentParser(prog="python -m crm_assets.console.mlflow_ui", description=said(__doc__))
    line.add_argument("--port", type=int, default=PORT, help=f"the port of the UI; {PORT} by default")
    return line


def main() -> int:
    """Serve the embedded registry on this machine, or print where the tracking server is."""
    port = parser().parse_args().port
    settings = get_settings()
    if settings.mlflow_tracking_uri:
        print(f"MLflow runs at {without_password(settings.mlflow_tracking_uri)} (CRM_MLFLOW_TRACKING_URI).")
        return 0
    from crm_assets.registry import database

    database.check(settings.tracking_uri)
    # The server looks for artifacts where the registry says they are, so update those paths first.
    from crm_assets.registry.relocation import relocate

    relocate(settings.home / "mlflow.db", settings.artifacts_dir)
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", settings.tracking_uri, "--registry-store-uri", settings.tracking_uri]
    command += ["--default-artifact-root", settings.artifacts_dir.as_uri()]
    # One person looks: more workers only start more slowly.
    command += ["--workers", "1", "--uvicorn-opts", "--log-level warning"]
    with subprocess.Popen(command, env=os.environ | QUIET) as server:  # noqa: S603 - our own command line
        threading.Thread(target=_say_when_ready, args=(server, port), daemon=True).start()
        try:
            return server.wait()
        finally:
            server.terminate()


def _say_when_ready(server: subprocess.Popen[bytes], port: int) -> None:
    """Print where to look as soon as the UI answers."""
    import requests

    address = f"http://127.0.0.1:{port}"
    while server.poll() is None:
        try:
            if requests.get(f"{address}/health", timeout=5).ok:
                print("\n".join(_places(address)), flush=True)
                return
        except requests.RequestException:
            pass
        time.sleep(0.2)


def _places(address: str) -> list[str]:
    """Return what is where in the UI, a line each."""
    import requests

    asked = {"experiment_name": EXPERIMENT}
    found = requests.get(f"{address}/api/2.0/mlflow/experiments/get-by-name", asked, timeout=30)
    lines = ["", "The MLflow UI is ready:"]
    if found.ok:
        page = runs_page(found.json()["experiment"]["experiment_id"])
        lines.append(f"Runs       {address}/{page}")
    else:
        lines.append(f"No model has been trained yet, so {address} is empty: make run")
    return [*lines, f"Versions   {address}/{model_page()}", "Ctrl-C ends it."]


if __name__ == "__main__":
    sys.exit(run_command(main))

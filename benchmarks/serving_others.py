"""Other servers of the same model: `mlflow models serve`, and MLServer from an environment of its own.

MLServer asks for packages that our lock does not have:

    uv venv VENV
    uv pip install --python VENV/bin/python mlserver mlserver-mlflow pandas==2.3.3
    uv pip install --python VENV/bin/python ibis-framework[duckdb] xgboost
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from dev.mlflow_server import free_port
from dev.waiting import answers, wait_until


@contextmanager
def mlflow_serve(model: str, folder: Path) -> Generator[tuple[str, int]]:
    """Run MLflow's scoring server on the files of a model; yield its address and process id."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", model, "--workers", "1"]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", f"{port}"]
    with _running(command, folder, "mlflow-serve", port, "ping", dict(os.environ)) as found:
        yield found


@contextmanager
def mlserver(program: Path, model: str, folder: Path) -> Generator[tuple[str, int]]:
    """Run MLServer on the files of a model; yield its address and process id.

    Its inference runs in the server's process: its pool of worker processes does not start with uvloop 0.22.
    """
    port, home = free_port(), folder / "champion"
    home.mkdir()
    ports = {"http_port": port, "grpc_port": free_port(), "metrics_port": free_port()}
    (home / "settings.json").write_text(json.dumps({**ports, "host": "127.0.0.1", "parallel_workers": 0}))
    runtime = {"implementation": "mlserver_mlflow.MLflowRuntime", "parameters": {"uri": model}}
    (home / "model-settings.json").write_text(json.dumps({"name": "champion", **runtime}))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [str(program), "start", str(home)]
    with _running(command, folder, "mlserver", port, "v2/models/champion/ready", environment) as found:
        yield found


@contextmanager
def _running(
    command: list[str], folder: Path, name: str, port: int, health: str, environment: dict[str, str]
) -> Generator[tuple[str, int]]:
    log, address = folder / f"{name}.log", f"http://127.0.0.1:{port}"
    with log.open("ab") as output:
        # In a new session, since servers have children: all must end together.
        server = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=output, stderr=output, start_new_session=True
        )
    try:
        ready = f"{address}/{health}"
        wait_until(lambda: answers(server, ready, name, log), name, lambda: os.times().elapsed // 60)
        yield address, server.pid
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()

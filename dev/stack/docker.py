"""`python -m dev.stack.docker ...`: run Docker Compose on docker/compose.yaml with docker/.env."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from dotenv import dotenv_values
from rich.console import Console

from crm_assets.errors import CrmAssetsError, StackError
from dev.stack.compose import COMPOSE_FILE, read_services
from dev.stack.fill import fill

ENV_FILE = COMPOSE_FILE.parent / ".env"
_INSTEAD = "`make stack` runs the same stack without Docker"


def main(arguments: list[str]) -> int:
    """Run Docker Compose, or say in one sentence why that is impossible; return the exit code."""
    try:
        variables = read_env(ENV_FILE)
        if arguments == ["fill"]:
            return fill(Console(soft_wrap=True, highlight=False), _webserver(variables))
        if arguments == ["ui"]:
            print("\n".join(addresses(variables)))
            return 0
        command = [*find_compose(), "--file", str(COMPOSE_FILE), "--env-file", str(ENV_FILE), *arguments]
    except CrmAssetsError as error:
        print(error)
        return 1
    return subprocess.run(command, check=False).returncode


def read_env(file: Path) -> dict[str, str]:
    """Return the variables of the stack from its env file; those of the shell take precedence.

    Raises:
        StackError: the file is missing, or a secret is empty.
    """
    if not file.is_file():
        raise StackError(
            f"{file} is missing: make secrets writes it; {file.parent / 'env.example'} explains it."
        )
    variables = {name: value for name, value in dotenv_values(file).items() if value} | dict(os.environ)
    read_services(variables)
    return variables


def find_compose() -> list[str]:
    """Return the command of Docker Compose.

    Raises:
        StackError: Docker, its Compose plugin or its engine is missing.
    """
    docker = shutil.which("docker")
    if docker is None:
        raise StackError(f"Docker is not installed; install it, or: {_INSTEAD}.")
    if not _works(docker, "compose", "version"):
        raise StackError(f"Docker has no Compose plugin; install docker-compose-plugin, or: {_INSTEAD}.")
    if not _works(docker, "version"):
        raise StackError(f"Docker's engine does not answer; start it, or: {_INSTEAD}.")
    return [docker, "compose"]


def _webserver(variables: dict[str, str]) -> str:
    return f"http://{variables.get('CRM_BIND') or '127.0.0.1'}:{variables.get('WEBSERVER_PORT') or '3000'}"


def addresses(variables: dict[str, str]) -> list[str]:
    """Return the addresses of the stack's UIs, one line each."""
    host = variables.get("CRM_BIND") or "127.0.0.1"
    pages = {"Dagster": ("WEBSERVER_PORT", "3000"), "MLflow": ("MLFLOW_PORT", "5000")}
    if "minio" in variables.get("COMPOSE_PROFILES", ""):
        pages["MinIO"] = ("MINIO_CONSOLE_PORT", "9001")
    return [f"{name:8} http://{host}:{variables.get(port) or usual}" for name, (port, usual) in pages.items()]


def _works(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

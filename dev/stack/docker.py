"""`python -m dev.stack.docker ...`: Docker Compose on docker/compose.yaml with docker/.env."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from dotenv import dotenv_values

from crm_assets.errors import CrmAssetsError, StackError
from dev.stack.compose import COMPOSE_FILE, read_services

ENV_FILE = COMPOSE_FILE.parent / ".env"
_INSTEAD = "`make stack` runs the same stack without Docker"


def main(arguments: list[str]) -> int:
    """Run Docker Compose, or say in one sentence why it cannot; returns the exit code."""
    try:
        variables = read_env(ENV_FILE)
        if arguments == ["ui"]:
            print("\n".join(addresses(variables)))
            return 0
        command = [*find_compose(), "--file", str(COMPOSE_FILE), "--env-file", str(ENV_FILE), *arguments]
    except CrmAssetsError as error:
        print(error)
        return 1
    return subprocess.run(command, check=False).returncode


def read_env(file: Path) -> dict[str, str]:
    """The variables of the stack: those of its env file, and before them those of the shell.

    Raises:
        StackError: the file is not there, or a secret is empty.
    """
    if not file.is_file():
        raise StackError(
            f"{file} is not there; copy {file.parent / 'env.example'} to it and fill in the secrets."
        )
    variables = {name: value for name, value in dotenv_values(file).items() if value} | dict(os.environ)
    read_services(variables)
    return variables


def find_compose() -> list[str]:
    """The command of Docker Compose.

    Raises:
        StackError: Docker, its Compose plugin or its engine is not there.
    """
    docker = shutil.which("docker")
    if docker is None:
        raise StackError(f"Docker is not installed; install it, or: {_INSTEAD}.")
    if not _works(docker, "compose", "version"):
        raise StackError(f"Docker has no Compose plugin; install docker-compose-plugin, or: {_INSTEAD}.")
    if not _works(docker, "version"):
        raise StackError(f"Docker's engine does not answer; start it, or: {_INSTEAD}.")
    return [docker, "compose"]


def addresses(variables: dict[str, str]) -> list[str]:
    """Where the UIs of the stack are, a line each."""
    host = variables.get("CRM_BIND") or "127.0.0.1"
    pages = {"Dagster": ("WEBSERVER_PORT", "3000"), "MLflow": ("MLFLOW_PORT", "5000")}
    if "minio" in variables.get("COMPOSE_PROFILES", ""):
        pages["MinIO"] = ("MINIO_CONSOLE_PORT", "9001")
    return [f"{name:8} http://{host}:{variables.get(port) or usual}" for name, (port, usual) in pages.items()]


def _works(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`python -m dev.stack.launch FOLDER SERVICE`: become a service of the compose file.

Thus every start of a service, by supervisor too, takes its command and environment from the compose file.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from dev.stack.compose import read_services
from dev.stack.place import Place

# Variables that a service gets only from the compose file, never from the shell that started the stack.
_OURS = ("CRM_", "KAGGLE_", "USE_S3_STORAGE", "AWS_", "MLFLOW_", "PG", "DAGSTER_HOME")
# The variable that marks every process of a stack; its value is the stack's folder.
MARK = "CRM_STACK"


def environment(place: Place, name: str) -> dict[str, str]:
    """Return the environment that a service has in its container, beyond what every process has."""
    service = read_services(place.variables)[name]
    settings = place.settings if service.env_files else {}
    image = {"DAGSTER_HOME": str(place.dagster_home), "CRM_HOME": str(place.crm_home)}
    return image | settings | service.environment | image


def inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what a service inherits: none of our variables, and this installation's programs first."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', os.defpath)}"
    return {k: v for k, v in environment.items() if not k.startswith(_OURS) or k == MARK} | {"PATH": programs}


def main(folder: str, name: str) -> None:
    """Replace this process by the service."""
    place = Place(Path(folder))
    command = read_services(place.variables)[name].command
    complete = inherited(os.environ) | environment(place, name)
    os.chdir(place.dagster_home)
    # Not `execvpe`, which looks for the program on the old path of this process.
    os.environ.clear()
    os.environ.update(complete)
    os.execvp(command[0], command)  # noqa: S606 - the compose file's command


if __name__ == "__main__":
    main(*sys.argv[1:])

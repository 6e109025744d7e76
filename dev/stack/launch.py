"""`python -m dev.stack.launch FOLDER SERVICE`: become a service of the compose file.

So every start of a service, also one by supervisor, takes its command and environment from the compose file.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from dev.stack.compose import read_services
from dev.stack.place import Place

# What a service has from the compose file or not at all, whatever the shell that started the stack had.
_OURS = ("CRM_", "KAGGLE_", "USE_S3_STORAGE", "AWS_", "MLFLOW_", "PG", "DAGSTER_HOME")
# The mark of every process of a stack: its folder.
MARK = "CRM_STACK"


def environment(place: Place, name: str) -> dict[str, str]:
    """What a service finds in its environment beside what every process has: as in its container."""
    service = read_services(place.variables)[name]
    settings = place.settings if service.env_files else {}
    image = {"DAGSTER_HOME": str(place.dagster_home), "CRM_HOME": str(place.crm_home)}
    return image | settings | service.environment | image


def inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """What a service inherits: nothing of ours, and the programs of this installation first."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', os.defpath)}"
    return {k: v for k, v in environment.items() if not k.startswith(_OURS) or k == MARK} | {"PATH": programs}


def main(folder: str, name: str) -> None:
    """Replace this process by the service."""
    place = Place(Path(folder))
    command = read_services(place.variables)[name].command
    complete = inherited(os.environ) | environment(place, name)
    os.chdir(place.dagster_home)
    # Not `execvpe`: it looks for the program on the path that this process was given.
    os.environ.clear()
    os.environ.update(complete)
    os.execvp(command[0], command)  # noqa: S606 - the compose file's command


if __name__ == "__main__":
    main(*sys.argv[1:])

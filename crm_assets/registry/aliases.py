"""Which version is champion: the aliases, and the history of champions that a rollback follows.

The history is a tag of the registered model: a list of versions, the current champion last. It is not kept
per version, since a version can be champion more than once. If somebody moves the alias by other means, for
example in the MLflow UI, the next move adds that champion. MLflow cannot change alias and tag in one step;
we change them in an order in which a crash between them loses no former champion.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode
from mlflow.tracking import MlflowClient

from crm_assets.errors import RegistryError
from crm_assets.registry import tracking
from crm_assets.registry.names import MODEL

CHAMPION, CHALLENGER = "champion", "challenger"
HISTORY = "champions"
LONGEST_HISTORY = 200
MISSING = (ErrorCode.Name(RESOURCE_DOES_NOT_EXIST), "INVALID_PARAMETER_VALUE")


@dataclass(frozen=True)
class Move:
    """A change of champion.

    Attributes:
        version: the champion now.
        former: the champion before, or None if there was none.
    """

    version: str
    former: str | None


def holder(alias: str, client: MlflowClient | None = None, model: str = MODEL) -> ModelVersion | None:
    """Return the version that has an alias; None if no version has it, or the version is deleted.

    Args:
        alias: `champion` or `challenger`.
        client: the client to ask; by default, one for the connected registry.
        model: the registered model.
    """
    try:
        return (client or MlflowClient()).get_model_version_by_alias(model, alias)
    except MlflowException as error:
        if error.error_code in MISSING:
            return None
        raise


def existing(version: str) -> ModelVersion:
    """Return a version by its number.

    Raises:
        RegistryError: it is not a number, or there is no such version.
    """
    if not (version.isascii() and version.isdecimal()):
        asked = f"{version!r} is not a version number" if version else "No version was given"
        raise RegistryError(f"{asked}: use one of {_known()}; for example, make promote VERSION=1.")
    try:
        return MlflowClient().get_model_version(MODEL, version)
    except MlflowException as error:
        if error.error_code not in MISSING:
            raise
        raise RegistryError(f"There is no version {version} of {MODEL}; there are {_known()}.") from error


def make_champion(version: str, model: str = MODEL) -> Move:
    """Give a version the alias `champion`; the champion before becomes `challenger`."""
    client = MlflowClient()
    with tracking.alone():
        before = holder(CHAMPION, client, model)
        champions = _history(before, model)
        client.set_registered_model_alias(model, CHAMPION, version)
        _keep([*champions, version], model)
        former = None if before is None else str(before.version)
        if former is not None:
            client.set_model_version_tag(model, version, "former_champion", former)
        _set_challenger(former, model)
    return Move(version, former)


def make_challenger(version: str, model: str = MODEL) -> None:
    """Give a version the alias `challenger`: it was compared with the champion and did not win."""
    MlflowClient().set_registered_model_alias(model, CHALLENGER, version)


def former_champion() -> tuple[str, list[str]]:
    """Return the version that a rollback goes to, and the history that remains, which ends with it.

    It skips deleted versions.

    Raises:
        RegistryError: there is no champion, or none before it.
    """
    current = holder(CHAMPION)
    champions = _history(current)
    if current is None:
        last = f" The last one was version {champions[-1]}." if champions else ""
        raise RegistryError(
            f"No version of {MODEL} is champion, so there is nothing to roll back.{last} "
            "Promote a version by number: make promote VERSION=…"
        )
    now, there = str(current.version), _versions()
    earlier = [version for version in champions[:-1] if version in there]
    while earlier and earlier[-1] == now:
        earlier.pop()
    if not earlier:
        raise RegistryError(
            f"There is no champion before version {now} to go back to; promote a version by number: "
            f"make promote VERSION=…, with one of {_known()}."
        )
    return earlier[-1], earlier


def go_back(version: str, history: list[str]) -> Move:
    """Give a former champion the alias back, and store the history that ends with it."""
    client = MlflowClient()
    before = holder(CHAMPION)
    # The history first: after a crash between the two steps, a rollback still goes back to this version.
    _keep(history)
    client.set_registered_model_alias(MODEL, CHAMPION, version)
    former = None if before is None else str(before.version)
    _set_challenger(former)
    return Move(version, former)


def _history(current: ModelVersion | None, model: str = MODEL) -> list[str]:
    """Return the champions so far, the current one last, whoever promoted it."""
    found = MlflowClient().search_registered_models(f"name = '{model}'")
    champions = json.loads(found[0].tags.get(HISTORY, "[]")) if found else []
    if current is not None and champions[-1:] != [str(current.version)]:
        champions.append(str(current.version))
    return champions


def _keep(champions: list[str], model: str = MODEL) -> None:
    MlflowClient().set_registered_model_tag(model, HISTORY, json.dumps(champions[-LONGEST_HISTORY:]))


def _set_challenger(version: str | None, model: str = MODEL) -> None:
    """Give `challenger` to the version that lost the last decision; remove the alias if there is none."""
    if version is None:
        MlflowClient().delete_registered_model_alias(model, CHALLENGER)
    else:
        make_challenger(version, model)


def _versions() -> list[str]:
    found = MlflowClient().search_model_versions(f"name = '{MODEL}'", max_results=1_000)
    return sorted((str(version.version) for version in found), key=int)


def _known() -> str:
    return ", ".join(_versions()) or "none yet: materialize the asset champion first"

"""Who is champion: the aliases, and the history of champions that a rollback walks back.

The history is a tag of the registered model, since a version can be champion more than once: a list of
versions, the first champion first and the one in force last. An alias that was moved by other means, as
in the MLflow UI, is taken into it by the next move. MLflow cannot change alias and tag at once, so the
order of the two is such that a crash between them loses no former champion.
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
    """A champion that was changed.

    Attributes:
        version: the champion now.
        former: the champion before, or None where there was none.
    """

    version: str
    former: str | None


def holder(alias: str, client: MlflowClient | None = None, model: str = MODEL) -> ModelVersion | None:
    """The version that has an alias; None where no version has it, or the version is deleted.

    Args:
        alias: `champion` or `challenger`.
        client: whom to ask, in place of one for the registry that is connected.
        model: the registered model.
    """
    try:
        return (client or MlflowClient()).get_model_version_by_alias(model, alias)
    except MlflowException as error:
        if error.error_code in MISSING:
            return None
        raise


def existing(version: str) -> ModelVersion:
    """A version by its number.

    Raises:
        RegistryError: it is no number, or there is no such version.
    """
    if not (version.isascii() and version.isdecimal()):
        asked = f"{version!r} is no version number" if version else "No version is named"
        raise RegistryError(f"{asked}: write one of {_known()}, as in make promote VERSION=1.")
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
    """Give a version the alias `challenger`: it was held against the champion and did not win."""
    MlflowClient().set_registered_model_alias(model, CHALLENGER, version)


def former_champion() -> tuple[str, list[str]]:
    """The version that a rollback goes to, and the history that is left then, with it at the end.

    Versions that are deleted are passed over.

    Raises:
        RegistryError: there is no champion, or none before it.
    """
    current = holder(CHAMPION)
    champions = _history(current)
    if current is None:
        last = f" The last one was version {champions[-1]}." if champions else ""
        raise RegistryError(
            f"No version of {MODEL} is champion, so there is none to go back from.{last} "
            "Name a version: make promote VERSION=…"
        )
    now, there = str(current.version), _versions()
    earlier = [version for version in champions[:-1] if version in there]
    while earlier and earlier[-1] == now:
        earlier.pop()
    if not earlier:
        raise RegistryError(
            f"Version {now} has no former champion to go back to; name a version: make promote VERSION=…, "
            f"one of {_known()}."
        )
    return earlier[-1], earlier


def go_back(version: str, history: list[str]) -> Move:
    """Give a former champion the alias back, with the history that ends with it."""
    client = MlflowClient()
    before = holder(CHAMPION)
    # The history first: what crashes between the two leaves a champion whose former is still this one.
    _keep(history)
    client.set_registered_model_alias(MODEL, CHAMPION, version)
    former = None if before is None else str(before.version)
    _set_challenger(former)
    return Move(version, former)


def _history(current: ModelVersion | None, model: str = MODEL) -> list[str]:
    """The champions so far, the one in force last, whoever made it so."""
    found = MlflowClient().search_registered_models(f"name = '{model}'")
    champions = json.loads(found[0].tags.get(HISTORY, "[]")) if found else []
    if current is not None and champions[-1:] != [str(current.version)]:
        champions.append(str(current.version))
    return champions


def _keep(champions: list[str], model: str = MODEL) -> None:
    MlflowClient().set_registered_model_tag(model, HISTORY, json.dumps(champions[-LONGEST_HISTORY:]))


def _set_challenger(version: str | None, model: str = MODEL) -> None:
    """The version that lost the last decision; none where there was none to lose."""
    if version is None:
        MlflowClient().delete_registered_model_alias(model, CHALLENGER)
    else:
        make_challenger(version, model)


def _versions() -> list[str]:
    found = MlflowClient().search_model_versions(f"name = '{MODEL}'", max_results=1_000)
    return sorted((str(version.version) for version in found), key=int)


def _known() -> str:
    return ", ".join(_versions()) or "none yet: materialize the asset champion first"

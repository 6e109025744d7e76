"""Ask quickly which version is champion: a sensor must not wait for a registry that does not answer."""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from crm_assets.errors import SourceUnavailableError
from crm_assets.registry import database
from crm_assets.settings import Settings, without_password

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

# By default MLflow waits for minutes. These two tries take far less than the 60 s that a sensor has.
PATIENCE = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
}


def champion_version(settings: Settings) -> str | None:
    """Return the version that has the alias `champion`; None if no version has it.

    Raises:
        SourceUnavailableError: the registry does not answer, or another MLflow made it.
    """
    champion = _champion(settings)
    return None if champion is None else str(champion.version)


def champion_trained_until(settings: Settings) -> str | None:
    """Return the last month that the champion has learned from; None if there is none, or if it does not say.

    Raises:
        SourceUnavailableError: as in `champion_version`.
    """
    champion = _champion(settings)
    months = [] if champion is None else json.loads(champion.tags.get("trained_months", "[]"))
    return max(months, default=None)


def _champion(settings: Settings) -> ModelVersion | None:
    if settings.mlflow_tracking_uri is None and not (settings.home / "mlflow.db").exists():
        # Asking MLflow would create the embedded registry.
        return None
    database.connect_each_time()
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    from crm_assets.registry.aliases import CHAMPION, holder

    uri = settings.tracking_uri
    try:
        with impatient():
            return holder(CHAMPION, MlflowClient(uri, uri))
    except MlflowException as error:
        database.check(uri)
        raise SourceUnavailableError(
            f"MLflow at {without_password(uri)} does not answer ({error.error_code}); "
            "the next tick asks again."
        ) from error


@contextmanager
def impatient() -> Generator[None]:
    """Shorten the waits of MLflow's client in this process during one question."""
    before = {name: os.environ.get(name) for name in PATIENCE}
    os.environ.update(PATIENCE)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

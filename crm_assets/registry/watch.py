"""Who is champion, asked quickly: a sensor must not wait for a registry that does not answer."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager

from crm_assets.errors import SourceUnavailableError
from crm_assets.registry import database
from crm_assets.settings import Settings, without_password

# MLflow waits minutes by default. Both tries together stay far below the 60 s that a sensor has.
PATIENCE = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
}


def champion_version(settings: Settings) -> str | None:
    """The version that holds the alias `champion`; None where no version does.

    Raises:
        SourceUnavailableError: the registry does not answer, or another MLflow made it.
    """
    if settings.mlflow_tracking_uri is None and not (settings.home / "mlflow.db").exists():
        # Asking would create the embedded registry.
        return None
    # A connection for each question: one that is kept would go on reading a registry that was put aside.
    os.environ.setdefault("MLFLOW_SQLALCHEMYSTORE_POOLCLASS", "NullPool")
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    from crm_assets.registry.aliases import CHAMPION, holder

    uri = settings.tracking_uri
    try:
        with _impatient():
            champion = holder(CHAMPION, MlflowClient(uri, uri))
    except MlflowException as error:
        database.check(uri)
        raise SourceUnavailableError(
            f"MLflow at {without_password(uri)} gives no answer ({error.error_code}); "
            "it is asked again at the next look."
        ) from error
    return None if champion is None else str(champion.version)


@contextmanager
def _impatient() -> Generator[None]:
    """Limit what MLflow's client waits, in this process, for as long as one question takes."""
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

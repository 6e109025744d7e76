"""What a server that follows the champion asks the registry: quickly, and without blocking its answers."""

from __future__ import annotations

from dataclasses import dataclass

from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from sqlalchemy.exc import SQLAlchemyError

from crm_assets.errors import SourceUnavailableError
from crm_assets.modeling.scoring import Champion
from crm_assets.registry import database, models, tracking
from crm_assets.registry.aliases import CHAMPION, holder
from crm_assets.registry.watch import impatient
from crm_assets.settings import Settings, without_password

# The tags of a version that people may see.
SHOWN = ("decision", "decision_reason", "former_champion", "source", "trained_months", "test_months")


@dataclass(frozen=True)
class Found:
    """The version that has the alias `champion`, and what tells it from every other."""

    version: ModelVersion

    @property
    def key(self) -> str:
        """What tells this version from every other, also from one of the same number made anew."""
        found = self.version
        return f"{found.name}/{found.version}/{found.run_id}/{found.creation_timestamp}"


def champion(settings: Settings) -> Found | None:
    """Return the version that has the alias `champion`; None if no version has it.

    Raises:
        SourceUnavailableError: the registry does not answer.
    """
    if settings.mlflow_tracking_uri is None and not (settings.home / "mlflow.db").exists():
        return None
    database.connect_each_time()
    uri = settings.tracking_uri
    try:
        with impatient():
            version = holder(CHAMPION, MlflowClient(uri, uri))
    except (MlflowException, SQLAlchemyError) as error:
        database.check(uri)
        raise SourceUnavailableError(
            f"MLflow at {without_password(uri)} does not answer; the last good model goes on, and the "
            "next look is soon."
        ) from error
    return None if version is None else Found(version)


def load(settings: Settings, found: Found) -> tuple[Champion, dict[str, str]]:
    """Load a version through the project's own loader; return it with what people may know of it.

    Raises:
        RegistryError: the version is not usable; says why.
        SourceUnavailableError: its files are not available now.
    """
    with impatient():
        tracking.connect(settings.tracking_uri, settings.artifacts_dir)
        loaded = models.load_version(found.version)
    tags = found.version.tags
    facts = {
        name: tags[name] for name in tags if name in SHOWN or name.startswith(("test_", "champion_test_"))
    }
    return loaded, facts | {"key": found.key, "name": found.version.name}

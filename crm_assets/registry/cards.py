"""The model card of each version: an artifact of its MLflow run, and a summary on the version's page."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Protocol

import mlflow
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from crm_assets.errors import RegistryError
from crm_assets.modeling.promotion import Rival, Verdict
from crm_assets.registry.reading import first_line, gone

CARD_FILE = "model_card.md"
# MLflow's database holds at most 5,000 characters of a description.
MOST = 4_000


class Written(Protocol):
    """A card."""

    @property
    def text(self) -> str:
        """All of it, as Markdown."""
        ...

    @property
    def summary(self) -> str:
        """What it says in a few sentences."""
        ...


class Writer(Protocol):
    """What writes the card of a version when it is registered."""

    def __call__(self, version: str, verdict: Verdict, former: Rival | None) -> Written:
        """Return the card.

        Args:
            version: the version's number.
            verdict: whether it becomes champion.
            former: the champion before it; None if there was none.
        """
        ...


def keep(card: Written, version: str, run_id: str, model: str) -> None:
    """Store a card with its version: in the artifacts of the run, and in short as its description.

    Args:
        card: the card.
        version: the version's number.
        run_id: the run that made it.
        model: the registered model.
    """
    client = MlflowClient()
    client.log_text(run_id, card.text, CARD_FILE)
    more = f"\n\nThe whole card is `{CARD_FILE}` among the artifacts of the source run."
    client.update_model_version(model, version, card.summary[:MOST] + more)


def card_of(version: ModelVersion) -> str:
    """Return the card of a version.

    Raises:
        RegistryError: it has none, or its files cannot be read.
    """
    where = f"Version {version.version} of {version.name}"
    with tempfile.TemporaryDirectory() as folder:
        try:
            file = mlflow.artifacts.download_artifacts(
                run_id=version.run_id, artifact_path=CARD_FILE, dst_path=folder
            )
            return Path(file).read_text("utf-8")
        except (MlflowException, OSError) as error:
            if gone(error):
                raise RegistryError(
                    f"{where} has no model card: an older release registered it, or its files are gone. "
                    "The next training writes one (make run)."
                ) from error
            raise RegistryError(
                f"The model card of version {version.version} cannot be read now: {first_line(error)} "
                "Try again when MLflow and its artifact store answer."
            ) from error

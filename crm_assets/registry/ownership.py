"""A registry belongs to one source: a tag of the experiment says which."""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime

from mlflow.entities import Experiment
from mlflow.tracking import MlflowClient

from crm_assets.errors import HomeError
from crm_assets.registry import tracking
from crm_assets.registry.aliases import MODEL
from crm_assets.settings import Settings, without_password

SOURCE = "source"

log = logging.getLogger("dagster.crm_assets")


def connect(settings: Settings, source: str) -> str:
    """Use the registry in force for a source, and return the id of the experiment.

    A registry without a record becomes this source's.

    Args:
        settings: the settings in force.
        source: the identity of the source in force.

    Raises:
        HomeError: it holds another source's models, and the settings do not put them aside.
        SourceUnavailableError: the tracking server does not answer.
    """
    experiment = tracking.connect(settings.tracking_uri, settings.artifacts_dir)
    with tracking.told(settings.tracking_uri):
        client = MlflowClient()
        holder = _holder(client.get_experiment(experiment))
        if holder not in (None, source):
            if settings.on_other_source == "refuse":
                raise HomeError(_refusal(settings, str(holder), source))
            log.warning(_put_aside(client, experiment, str(holder)))
            experiment = tracking.connect(settings.tracking_uri, settings.artifacts_dir)
        if holder != source:
            client.set_experiment_tag(experiment, SOURCE, source)
    return experiment


def check(settings: Settings, source: str) -> None:
    """Raise a `HomeError` if the registry holds another source's models; write nothing."""
    with tracking.told(settings.tracking_uri):
        found = MlflowClient().get_experiment_by_name(tracking.EXPERIMENT)
        holder = None if found is None else _holder(found)
    if holder not in (None, source):
        raise HomeError(_refusal(settings, str(holder), source))


def _holder(experiment: Experiment) -> str | None:
    return experiment.tags.get(SOURCE)


def _refusal(settings: Settings, holder: str, source: str) -> str:
    place = "CRM_MLFLOW_TRACKING_URI" if settings.mlflow_tracking_uri else "CRM_HOME"
    return (
        f"The registry at {without_password(settings.tracking_uri)} holds the models of {holder}, but the "
        f"source in force is {source}. Nothing was written. You can: give this source a {place} of its own; "
        "correct CRM_SOURCE or CRM_DATA_DIR if you meant another source; set CRM_ON_OTHER_SOURCE=put_aside "
        "to rename what is there and start fresh."
    )


def _put_aside(client: MlflowClient, experiment: str, holder: str) -> str:
    """Rename the experiment and the registered model to dated names; delete nothing."""
    label = f"{datetime.now(UTC):%Y-%m-%dT%H%M%S}-{re.sub(r'[^A-Za-z0-9_.-]+', '-', holder)}"
    client.rename_experiment(experiment, f"{tracking.EXPERIMENT}-{label}")
    if client.search_registered_models(f"name = '{MODEL}'"):
        client.rename_registered_model(MODEL, f"{MODEL}-{label}")
    return f"The models of {holder} were renamed: they are now {MODEL}-{label}."

"""How each registered version was made."""

from __future__ import annotations

import json
from dataclasses import dataclass

from mlflow.tracking import MlflowClient

from crm_assets.registry.names import MODEL


@dataclass(frozen=True)
class Recipe:
    """How a version was made: everything needed to repeat its walk-forward.

    Attributes:
        version: the registered version.
        algorithm: its algorithm.
        features: the features that the audit admitted then.
        trained_months: the months that it learned from.
        decision: `promoted` or `not promoted`.
    """

    version: str
    algorithm: str
    features: list[str]
    trained_months: list[str]
    decision: str


def recipes_of(tracking_uri: str) -> dict[str, Recipe]:
    """Return the recipes of all registered versions, by version."""
    found = MlflowClient(tracking_uri, tracking_uri).search_model_versions(f"name = '{MODEL}'")
    return {
        str(version.version): Recipe(
            version=str(version.version),
            algorithm=version.tags["algorithm"],
            features=json.loads(version.tags["features"]),
            trained_months=json.loads(version.tags["trained_months"]),
            decision=version.tags.get("decision", "undecided"),
        )
        for version in found
    }

"""How each registered version was made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from mlflow.tracking import MlflowClient

from crm_assets.modeling.space import Value
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
        parameters: what a search chose for the algorithm; empty without a search.
    """

    version: str
    algorithm: str
    features: list[str]
    trained_months: list[str]
    decision: str
    parameters: Mapping[str, Value] = field(default_factory=dict)


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
            parameters=json.loads(version.tags.get("parameters", "{}")),
        )
        for version in found
    }

"""Pages of the MLflow UI that people open: the runs with their scores as columns, and a version."""

from __future__ import annotations

import json

from crm_assets.registry.names import MODEL

# MLflow keeps a view of the runs that somebody shares in a tag of the experiment, and opens it by its key.
VIEW = "scores"
METRICS_SHOWN = (
    "test_roc_auc",
    "test_brier",
    "test_ece",
    "test_expected_wins",
    "test_realized_wins",
    "validation_roc_auc",
    "test_uncalibrated_roc_auc",
)
TAGS_SHOWN = ("algorithm", "model_version", "promoted")
# The tags of the experiment: it is about models, not about language models, and how its runs are listed.
EXPERIMENT_TAGS = {
    "mlflow.experimentKind": "custom_model_development",
    f"mlflow.sharedViewState.{VIEW}": json.dumps(
        {
            "orderByKey": "attributes.start_time",
            "orderByAsc": False,
            "selectedColumns": [
                *(f"tags.`{name}`" for name in TAGS_SHOWN),
                *(f"metrics.`{name}`" for name in METRICS_SHOWN),
            ],
        }
    ),
}
TRAINING = "workflowType=machine_learning"


def runs_page(experiment: str) -> str:
    """Return the page of an experiment's runs, below the address of the UI."""
    return f"#/experiments/{experiment}/runs?{TRAINING}&viewStateShareKey={VIEW}"


def version_page(version: str, model: str = MODEL) -> str:
    """Return the page of a version of a registered model, below the address of the UI."""
    return f"#/models/{model}/versions/{version}?{TRAINING}"


def model_page(model: str = MODEL) -> str:
    """Return the page of a registered model, below the address of the UI."""
    return f"#/models/{model}?{TRAINING}"

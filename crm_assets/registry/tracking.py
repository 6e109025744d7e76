"""The MLflow experiment: where it is kept, and one nested run per algorithm."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

# Before the first import of MLflow, which reads them once.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from crm_assets.errors import SourceUnavailableError
from crm_assets.modeling.metrics import METRICS, POOLED
from crm_assets.settings import without_password

EXPERIMENT = "monthly_win_probability"


def connect(tracking_uri: str, artifacts_dir: Path) -> str:
    """Use a tracking server, or an embedded store, and return the id of the experiment.

    Args:
        tracking_uri: `sqlite:///…` for the embedded store, or a server's address.
        artifacts_dir: where the embedded store keeps artifacts; a server has its own place.

    Raises:
        SourceUnavailableError: the tracking server does not answer.
    """
    # The migrations of a new embedded store are news to nobody.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow.store.db").setLevel(logging.WARNING)
    mlflow.set_tracking_uri(tracking_uri)
    embedded = tracking_uri.startswith("sqlite:")
    if embedded:
        artifacts_dir.mkdir(parents=True, exist_ok=True)
    try:
        experiment = mlflow.get_experiment_by_name(EXPERIMENT)
        if experiment is not None:
            return experiment.experiment_id
        return mlflow.create_experiment(EXPERIMENT, artifacts_dir.as_uri() if embedded else None)
    except MlflowException as error:
        raise SourceUnavailableError(
            f"MLflow at {without_password(tracking_uri)} cannot be used: {error.message.splitlines()[0]} "
            "Check CRM_MLFLOW_TRACKING_URI, or unset it for the embedded registry."
        ) from error


@contextmanager
def nested_run(name: str, tags: dict[str, str]) -> Generator[mlflow.ActiveRun]:
    """One nested run of the active one; failed where its body fails."""
    with mlflow.start_run(run_name=name, nested=mlflow.active_run() is not None, tags=tags) as run:
        yield run


def log_scores(prefix: str, by_month: pd.DataFrame) -> None:
    """Log metrics to the active run: pooled by name, and each month as a step of the same name.

    Args:
        prefix: put before the metric's name, as in `test`.
        by_month: the result of `modeling.metrics.scores_by_month`.
    """
    pooled = by_month[by_month["snapshot_month"] == POOLED].iloc[0]
    mlflow.log_metrics({f"{prefix}_{metric}": float(pooled[metric]) for metric in METRICS})
    for row in by_month[by_month["snapshot_month"] != POOLED].itertuples():
        step = int(str(row.snapshot_month).replace("-", ""))
        monthly = {f"{prefix}_month_{metric}": float(getattr(row, metric)) for metric in METRICS}
        mlflow.log_metrics({k: v for k, v in monthly.items() if v == v}, step=step)


def log_figures(figures: dict[str, bytes]) -> None:
    """Log PNG plots to the active run, by name."""
    client = MlflowClient()
    run = mlflow.active_run()
    if run is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, png in figures.items():
            path = Path(folder) / f"{name}.png"
            path.write_bytes(png)
            client.log_artifact(run.info.run_id, str(path), "plots")


def run_link(run_id: str) -> str:
    """Where a person finds an MLflow run: a URL with a server, a store and an id without one."""
    uri = without_password(mlflow.get_tracking_uri())
    experiment = mlflow.get_run(run_id).info.experiment_id
    if uri.startswith("http"):
        return f"{uri}/#/experiments/{experiment}/runs/{run_id}"
    return f"{EXPERIMENT}/{run_id}"

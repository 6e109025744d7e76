"""The MLflow experiment: where it is stored, its runs, and the links to them."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from datetime import time as clock
from pathlib import Path
from typing import Any

# Set before the first import of MLflow, which reads them once.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
# MLflow would print two lines for each run on a server: four hundred for a search of two hundred trials.
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
# Wait about 15 s for a server that restarts; by default MLflow waits minutes for a missing one.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
# MLflow would import IPython to look for a job of Databricks.
os.environ.setdefault("_MLFLOW_ENABLE_SGC_RUN_RESUMPTION_FOR_DATABRICKS_JOBS", "false")

import mlflow
import pandas as pd
from filelock import FileLock
from mlflow.data.pandas_dataset import from_pandas
from mlflow.entities import Metric
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from sqlalchemy.exc import SQLAlchemyError

from crm_assets import shortage
from crm_assets.crm.months import month_end
from crm_assets.errors import SourceUnavailableError
from crm_assets.modeling.metrics import METRICS, POOLED
from crm_assets.registry import database
from crm_assets.registry.database import EMBEDDED
from crm_assets.registry.names import EXPERIMENT
from crm_assets.registry.pages import EXPERIMENT_TAGS, version_page
from crm_assets.registry.relocation import relocate
from crm_assets.settings import get_settings, without_password

DESCRIPTION = (
    "Which open deals will be won next month. One run per Dagster run; below it one per algorithm, with its "
    "uncalibrated walk-forward scores, and `champion`, the calibrated candidate on the test months. Monthly "
    "metrics have the month as step, for example 201709 for 2017-09, and its end as time."
)
NOTE = "mlflow.note.content"


def connect(tracking_uri: str, artifacts_dir: Path, experiment_name: str = EXPERIMENT) -> str:
    """Use a tracking server, or an embedded store, and return the id of the experiment.

    Args:
        tracking_uri: `sqlite:///…` for the embedded store, or a server's address.
        artifacts_dir: where the embedded store keeps artifacts; a server has its own place.
        experiment_name: the name of the target's experiment.

    Raises:
        SourceUnavailableError: the tracking server does not answer.
        StorageError: the embedded store has moved and is not writable.
    """
    # Nobody needs to see the migrations of a new embedded store.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow.store.db").setLevel(logging.WARNING)
    # MLflow logs an error with a traceback, and then raises it as well.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    mlflow.set_tracking_uri(tracking_uri)
    embedded = tracking_uri.startswith(EMBEDDED)
    if embedded:
        # Before MLflow reads where the artifacts are: the home may have moved.
        relocate(Path(tracking_uri.removeprefix(EMBEDDED)), artifacts_dir)
        artifacts_dir.mkdir(parents=True, exist_ok=True)
    with told(tracking_uri):
        experiment = mlflow.get_experiment_by_name(experiment_name)
        tags = {NOTE: DESCRIPTION} | EXPERIMENT_TAGS
        if experiment is None:
            place = artifacts_dir.as_uri() if embedded else None
            return mlflow.create_experiment(experiment_name, place, tags=tags)
        for name, value in tags.items():
            if experiment.tags.get(name) != value:
                MlflowClient().set_experiment_tag(experiment.experiment_id, name, value)
        return experiment.experiment_id


@contextmanager
def told(tracking_uri: str) -> Generator[None]:
    """Turn any error of MLflow into a sentence.

    Raises:
        SourceUnavailableError: instead of MLflow's own error.
        StorageError: the disk is full, or there is too little memory.
    """
    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        shortage.raise_told(error)
        database.check(tracking_uri)
        first_line = next(iter(str(error).splitlines()), type(error).__name__)
        raise SourceUnavailableError(
            f"MLflow at {without_password(tracking_uri)} does not work: {first_line} "
            "Check CRM_MLFLOW_TRACKING_URI, or unset it to use the embedded registry."
        ) from error


def alone() -> FileLock:
    """Return the lock to hold while a process opens a parent run or moves an alias: MLflow has none."""
    home = get_settings().home
    home.mkdir(parents=True, exist_ok=True)
    # One per process, so that its holder can acquire it again.
    return FileLock(home / "mlflow.lock", is_singleton=True)


@contextmanager
def nested_run(name: str, tags: dict[str, str]) -> Generator[mlflow.ActiveRun]:
    """Open a run below the active one; it fails if its body fails."""
    with mlflow.start_run(run_name=name, nested=mlflow.active_run() is not None, tags=tags) as run:
        yield run


def log_training_set(few: pd.DataFrame, digest: str) -> None:
    """Log to the active run which table it learned from.

    Args:
        few: some of the table's rows; MLflow's own digest and profile would read all of them.
        digest: the table's fingerprint.
    """
    # MLflow warns about whole numbers.
    few = few.astype(dict.fromkeys(few.select_dtypes("number"), "float64"))
    dataset = from_pandas(few, name="training_set", digest=digest)
    mlflow.log_input(dataset, context="training")


def hyper_parameters(estimator: Any) -> dict[str, Any]:
    """Return the parameters of an estimator, or of a pipeline's last step, that differ from the defaults."""
    estimator = estimator[-1] if hasattr(estimator, "steps") else estimator
    default = type(estimator)().get_params()
    # LightGBM and CatBoost name some parameters only once they are set.
    set_to = estimator.get_params()
    return {k: v for k, v in set_to.items() if k not in default or repr(v) != repr(default[k])}


def log_scores(prefix: str, by_month: pd.DataFrame) -> None:
    """Log metrics to the active run: the pooled ones, and the monthly ones with the month as step.

    Args:
        prefix: comes before the metric's name, for example `test`.
        by_month: the result of `modeling.metrics.scores_by_month`.
    """
    run = mlflow.active_run()
    if run is None:
        return
    metrics = []
    for row in by_month.to_dict("records"):
        month = str(row["snapshot_month"])
        name, step, at = prefix, 0, int(time.time() * 1000)
        if month != POOLED:
            # A chart by step reads 201709, a chart by time has the dates, without a gap between years.
            name, step = f"{prefix}_month", int(month.replace("-", ""))
            at = int(datetime.combine(month_end(month), clock(), UTC).timestamp() * 1000)
        metrics += [
            Metric(f"{name}_{metric}", row[metric], at, step)
            for metric in METRICS
            if row[metric] == row[metric]
        ]
    # In one call, since each call is a transaction.
    MlflowClient().log_batch(run.info.run_id, metrics)


def log_figures(figures: dict[str, bytes]) -> None:
    """Log PNG plots to the active run, by name."""
    run = mlflow.active_run()
    if run is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, png in figures.items():
            (Path(folder) / f"{name}.png").write_bytes(png)
        # In one call, since each call asks the store where the run's artifacts are.
        MlflowClient().log_artifacts(run.info.run_id, folder, "plots")


def run_link(run_id: str) -> str:
    """Return where a person finds an MLflow run: a URL if there is a server, else experiment and id."""
    experiment = mlflow.get_run(run_id).info.experiment_id
    return _link(f"#/experiments/{experiment}/runs/{run_id}", f"{EXPERIMENT}/{run_id}")


def version_link(model: str, version: str) -> str:
    """Return where a person finds a model version: a URL if there is a server, else name and number."""
    return _link(version_page(version, model), f"{model}/{version}")


def _link(page: str, name: str) -> str:
    address = get_settings().mlflow_url or without_password(mlflow.get_tracking_uri())
    return f"{address.rstrip('/')}/{page}" if address.startswith("http") else name

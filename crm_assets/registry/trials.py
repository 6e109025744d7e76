"""The trials of a search as MLflow runs below the run of the search."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime

import mlflow
from mlflow.entities import Metric, Param, RunStatus
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from crm_assets.modeling.tuning import PRUNED, Trial


def log_trials(trials: Iterable[Trial], tags: dict[str, str]) -> None:
    """Log finished trials below the active run, each with the times at which it ran."""
    parent = mlflow.active_run()
    if parent is None:
        return
    client = MlflowClient()
    for trial in trials:
        start, end = _milliseconds(trial.started), _milliseconds(trial.ended)
        run = client.create_run(
            parent.info.experiment_id,
            start_time=start,
            tags={**tags, MLFLOW_PARENT_RUN_ID: parent.info.run_id, "state": trial.state},
            run_name=f"trial {trial.number}",
        )
        metrics = [
            Metric("validation_month_roc_auc", value, end or 0, int(month.replace("-", "")))
            for month, value in trial.months.items()
            if not math.isnan(value)
        ]
        if trial.value is not None:
            metrics.append(Metric("validation_roc_auc", trial.value, end or 0, 0))
        params = [Param(name, str(value)) for name, value in trial.parameters.items()]
        # In one call, since each call is a transaction.
        client.log_batch(run.info.run_id, metrics, params)
        status = RunStatus.KILLED if trial.state == PRUNED else RunStatus.FINISHED
        client.set_terminated(run.info.run_id, RunStatus.to_string(status), end)


def _milliseconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1000)

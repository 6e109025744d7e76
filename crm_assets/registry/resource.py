"""The `mlflow` resource of the graph: one parent run per Dagster run, a nested run per model."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg
import pandas as pd

from crm_assets.modeling.algorithms import Algorithm
from crm_assets.settings import get_settings

if TYPE_CHECKING:
    from crm_assets.modeling.backtest import Split
    from crm_assets.modeling.champion import Candidate
    from crm_assets.modeling.scoring import Champion
    from crm_assets.registry.models import Decision


class MlflowSession:
    """What assets may ask of MLflow. Imports it when asked, since that takes seconds."""

    def log_backtest(
        self,
        context: dg.AssetExecutionContext,
        algorithm: Algorithm,
        features: list[str],
        training_set: pd.DataFrame,
        scores: pd.DataFrame,
        split: Split,
    ) -> str:
        """Log one algorithm's walk-forward as a nested run; returns the link to it."""
        import mlflow

        from crm_assets.modeling.metrics import scores_by_month
        from crm_assets.registry import tracking

        with tracking.nested_run(algorithm.name, _tags(context, training_set)) as run:
            mlflow.log_params(
                {"algorithm": algorithm.name, "features": ", ".join(features), "seed": get_settings().seed}
            )
            tracking.log_scores("validation", scores_by_month(scores, split.validation))
            tracking.log_scores("test_uncalibrated", scores_by_month(scores, split.test))
        return tracking.run_link(run.info.run_id)

    def register(
        self,
        context: dg.AssetExecutionContext,
        candidate: Candidate,
        training_set: pd.DataFrame,
        figures: dict[str, bytes],
    ) -> tuple[Decision, str]:
        """Log and register a candidate; returns what became of it and the link to its run."""
        import mlflow

        from crm_assets.modeling.metrics import scores_by_month
        from crm_assets.registry import models, tracking

        tags = _tags(context, training_set)
        with tracking.nested_run("champion", tags) as run:
            mlflow.log_params({"algorithm": candidate.algorithm, "features": ", ".join(candidate.features)})
            tracking.log_scores("test", scores_by_month(candidate.walk_forward, candidate.split.test))
            tracking.log_figures(figures)
            decision = models.register(candidate, training_set, tags, run.info.run_id)
        return decision, tracking.run_link(run.info.run_id)

    def load_champion(self) -> Champion:
        """The champion of the registry."""
        from crm_assets.registry import models

        return models.load_champion()


@dg.resource(
    # Not the tracking URI, which may hold a password: configuration is shown.
    config_schema={"experiment_name": dg.Field(str, default_value="monthly_win_probability")},
    description="One MLflow run per Dagster run, through dagster-mlflow.",
)
def mlflow_resource(context: dg.InitResourceContext) -> Iterator[MlflowSession]:
    """Open the parent MLflow run of this Dagster run, and end it with the run's fate.

    dagster-mlflow finds the parent run again from every step process. It comes with all of MLflow,
    so it is imported when a step needs it, not when the code location loads.
    """
    from crm_assets.registry import tracking

    tracking.connect(get_settings().tracking_uri, get_settings().artifacts_dir)
    with warnings.catch_warnings():
        # It is marked beta; that is known and decided.
        warnings.simplefilter("ignore", dg.BetaWarning)
        from dagster_mlflow.resources import MlFlow

        MlFlow(context)
    try:
        yield MlflowSession()
    finally:
        _end_run(context)


def _end_run(context: dg.InitResourceContext) -> None:
    import mlflow

    stats = context.instance.get_run_stats(context.run_id) if context.instance and context.run_id else None
    mlflow.end_run("FAILED" if stats and stats.steps_failed else "FINISHED")


def _tags(context: dg.AssetExecutionContext, training_set: pd.DataFrame) -> dict[str, str]:
    return {
        # Not `dagster_run_id`: by that tag dagster-mlflow finds the parent run, and would take ours for it.
        "dagster.run_id": context.run_id,
        "dagster.asset_key": context.asset_key.to_user_string(),
        "data_version": data_version(training_set),
        "code_version": str(context.assets_def.code_versions_by_key[context.asset_key]),
    }


def data_version(frame: pd.DataFrame) -> str:
    """A fingerprint of a table's values: the same rows give the same 16 hex digits."""
    hashes = pd.util.hash_pandas_object(frame, index=False).to_numpy()
    return hashlib.sha256(hashes.tobytes()).hexdigest()[:16]

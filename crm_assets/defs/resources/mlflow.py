"""The `mlflow` resource of the graph: one parent run per Dagster run, a nested run per model."""

import sys
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import dagster as dg
import pandas as pd

from crm_assets.crm.archive import in_use
from crm_assets.defs.resources.store import TableStoreResource
from crm_assets.defs.told import sentences
from crm_assets.modeling.algorithm import Algorithm
from crm_assets.modeling.training_rows import TrainingRows
from crm_assets.settings import get_settings
from crm_assets.sources.base import Source
from crm_assets.sources.select import select_source
from crm_assets.storage.archive import Archive

if TYPE_CHECKING:
    from crm_assets.modeling.champion import Candidate
    from crm_assets.modeling.scoring import Champion
    from crm_assets.modeling.tuning import Outcome, Task
    from crm_assets.monitoring.card import Data
    from crm_assets.registry.models import Decision


class MlflowSession(dg.ConfigurableResource):
    """One MLflow run per Dagster run, through dagster-mlflow, and the methods that assets use.

    Every step process finds the parent run again through dagster-mlflow. Importing it takes seconds, since
    it imports all of MLflow, so a step imports it when it needs it. The configuration holds no address,
    because people can see it and a tracking URI may contain a password.
    """

    # Dagster needs this annotation as a type, not as a string: no `from __future__ import annotations` here.
    tables: TableStoreResource

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Generator["MlflowSession"]:
        """Open the parent MLflow run of this Dagster run, and end it with the run's fate."""
        from crm_assets.registry import ownership, tracking

        with sentences():
            settings, source = get_settings(), select_source(get_settings())
            # Before the registry opens: refuse what another source left there, or move it away.
            if (told := self.tables.store.claim()) and context.log:
                context.log.warning(told)
            # One process at a time: two steps that start at once would each find no parent run and open one.
            with tracking.alone(), tracking.told(settings.tracking_uri):
                ownership.connect(settings, source.identity)
                _open_parent(context)
        try:
            yield self
        finally:
            _end_run(context, sys.exc_info()[1])

    def log_backtest(
        self,
        context: dg.AssetExecutionContext,
        contender: Algorithm,
        features: list[str],
        training_set: TrainingRows,
        validation: pd.DataFrame,
        test: pd.DataFrame,
        figures: dict[str, bytes],
    ) -> str:
        """Log one algorithm's walk-forward scores by month as a nested run, and return a link to it."""
        import mlflow

        from crm_assets.registry import tracking

        tags = _tags(context, training_set)
        with tracking.nested_run(contender.name, tags) as run:
            mlflow.log_params(_params(contender, features))
            tracking.log_training_set(training_set.head(), tags["data_version"])
            tracking.log_figures(figures)
            tracking.log_scores("validation", validation)
            tracking.log_scores("test_uncalibrated", test)
        return tracking.run_link(run.info.run_id)

    def log_search(
        self,
        context: dg.AssetExecutionContext,
        task: "Task",
        found: "Outcome",
        figures: dict[str, bytes],
    ) -> str:
        """Log a search as a nested run, with a run below it for each trial, and return a link to it."""
        import mlflow

        from crm_assets.registry import tracking, trials
        from crm_assets.registry.tracking import NOTE

        tags = _tags(context, task.rows)
        with tracking.nested_run(context.asset_key.to_user_string(), tags) as run:
            mlflow.log_params(_params(task.algorithm.tuned(found.best.parameters), task.features))
            tracking.log_training_set(task.rows.head(), tags["data_version"])
            tracking.log_figures(figures)
            mlflow.log_metrics(
                {
                    **{f"before_validation_{name}": value for name, value in found.before.items()},
                    **{f"validation_{name}": value for name, value in found.after.items()},
                    "gain": found.gain,
                    "gain_se": found.error,
                }
            )
            mlflow.set_tags({"trials": len(found.trials), "adopted": found.adopted, NOTE: found.said})
            trials.log_trials(found.trials, tags)
        return tracking.run_link(run.info.run_id)

    def register(
        self,
        context: dg.AssetExecutionContext,
        candidate: "Candidate",
        training_set: TrainingRows,
        test: pd.DataFrame,
        figures: dict[str, bytes],
        leak_audit: pd.DataFrame,
    ) -> "tuple[Decision, str, str]":
        """Log a candidate with the scores of its test months, and register it with its model card.

        Returns:
            The decision about it, and the links to its run and version.
        """
        import mlflow

        from crm_assets.monitoring.card import model_card
        from crm_assets.registry import models, tracking
        from crm_assets.registry.names import model_name
        from crm_assets.registry.tracking import NOTE

        source = select_source(get_settings())
        card = partial(model_card, candidate, training_set, leak_audit, self._data(source))
        tags = _tags(context, training_set)
        with tracking.nested_run("champion", tags) as run:
            mlflow.log_params(_params(candidate.built, candidate.features))
            tracking.log_training_set(training_set.head(), tags["data_version"])
            tracking.log_scores("test", test)
            tracking.log_figures(figures)
            decision = models.register(candidate, training_set, tags, run.info.run_id, card, source.identity)
            version = tracking.version_link(model_name(candidate.target), decision.version)
            mlflow.set_tags(
                {
                    "model_version": decision.version,
                    "promoted": decision.promoted,
                    NOTE: f"{_version_note(candidate, decision)} {decision.reason}",
                }
            )
        _tell_parent(candidate, decision)
        return decision, tracking.run_link(run.info.run_id), version

    def _data(self, source: Source) -> "Data":
        from crm_assets.monitoring.card import Data

        dumps = in_use(Archive(self.tables.store).dumps(), get_settings().withdrawn_dumps)
        return Data(source.description, source.identity, source.synthetic, tuple(dumps), get_settings().seed)

    def has_champion(self) -> bool:
        """Return whether a version of the registered model is champion."""
        from crm_assets.registry import aliases

        return aliases.holder(aliases.CHAMPION) is not None

    def load_champion(self) -> "Champion":
        """Load the champion of the registry."""
        from crm_assets.registry import models

        return models.load_champion()


def _open_parent(context: dg.InitResourceContext) -> None:
    import mlflow

    from crm_assets.defs.resources import mlflow_parents
    from crm_assets.registry.tracking import EXPERIMENT, NOTE

    mlflow_parents.end_left_over(context.instance)
    with warnings.catch_warnings():
        # It is marked beta, and uses deprecated names of the context; we use it on purpose.
        warnings.simplefilter("ignore", dg.BetaWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        from dagster_mlflow.resources import MlFlow

        MlFlow(context.replace_config({"experiment_name": EXPERIMENT}))
    run = dagster_run(_run_id(context))
    mlflow.set_tags({"dagster.run": run, NOTE: f"Dagster run {run}"})


def _end_run(context: dg.InitResourceContext, error: BaseException | None) -> None:
    import mlflow

    from crm_assets.defs.resources import mlflow_parents

    mlflow.end_run(mlflow_parents.fate(context.instance, _run_id(context), error))


def _run_id(context: dg.InitResourceContext) -> str:
    return "" if context.run is None else context.run.run_id


def _tell_parent(candidate: "Candidate", decision: "Decision") -> None:
    """Put the candidate's scores and the decision on the parent run, for lists of runs."""
    import mlflow

    from crm_assets.modeling.metrics import METRICS, pooled
    from crm_assets.registry.tracking import NOTE

    if mlflow.active_run() is None:
        return
    test = pooled(candidate.walk_forward, candidate.split.test)
    mlflow.log_metrics({f"test_{metric}": test[metric] for metric in METRICS})
    mlflow.set_tags(
        {
            "algorithm": candidate.algorithm,
            "model_version": decision.version,
            "promoted": decision.promoted,
            "champion_version": decision.champion_version,
            NOTE: f"Dagster run {_dagster_note()}. {_version_note(candidate, decision)}",
        }
    )


def _version_note(candidate: "Candidate", decision: "Decision") -> str:
    """Return a sentence that links to the registered version, for the description of a run."""
    from crm_assets.registry.names import model_name
    from crm_assets.registry.pages import version_page

    page = version_page(decision.version, model_name(candidate.target))
    return f"It made [version {decision.version}]({page}) of the registered model."


def _dagster_note() -> str:
    """Return the Dagster run of the active run, as its description writes it."""
    import mlflow

    active = mlflow.active_run()
    return "" if active is None else str(active.data.tags.get("dagster.run", ""))


def _params(contender: Algorithm, features: list[str]) -> dict[str, object]:
    from crm_assets.registry import tracking

    seed = get_settings().seed
    own = tracking.hyper_parameters(contender.built(features, seed))
    return {"algorithm": contender.name, "features": ", ".join(features), "seed": seed, **own}


def dagster_run(run_id: str) -> str:
    """Return the URL of a Dagster run if the settings know the UI's address, else its id."""
    return get_settings().run_page(run_id) or run_id


def _tags(context: dg.AssetExecutionContext, training_set: TrainingRows) -> dict[str, str]:
    return {
        # Not `dagster_run_id`: dagster-mlflow finds the parent by that tag, and would take this run for it.
        "dagster.run_id": context.run.run_id,
        "dagster.run": dagster_run(context.run.run_id),
        "dagster.asset_key": context.asset_key.to_user_string(),
        "data_version": training_set.fingerprint,
        "code_version": str(context.assets_def.code_versions_by_key[context.asset_key]),
    }


@dg.failure_hook(name="mlflow_run_fails_too")
def mlflow_run_fails_too(context: dg.HookContext) -> None:
    """Mark the parent MLflow run as failed, even if the failed step does not use MLflow.

    If all steps share one process, the resource does this. A step in its own process needs this hook.
    """
    from crm_assets.defs.resources import mlflow_parents
    from crm_assets.registry import tracking

    settings = get_settings()
    if settings.mlflow_tracking_uri or (settings.home / "mlflow.db").exists():
        tracking.connect(settings.tracking_uri, settings.artifacts_dir)
        mlflow_parents.fail(context.run_id)

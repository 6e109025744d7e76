"""The searches for better parameters: one asset per algorithm with a search space, and a worker as a job."""

import dagster as dg
import ibis.expr.types as ir
import pandas as pd
from pydantic import Field

from crm_assets.crm.tuning_table import TUNING, tuning_of
from crm_assets.defs import progress, searches
from crm_assets.defs.assets.models import ALGORITHMS
from crm_assets.defs.assets.options import table_asset
from crm_assets.defs.assets.training_inputs import snapshot_input
from crm_assets.defs.metadata import Fact, link, picture, table
from crm_assets.defs.resources.mlflow import MlflowSession
from crm_assets.defs.told import told
from crm_assets.errors import NotEnoughDataError
from crm_assets.modeling.algorithm import SNAPSHOT, Algorithm
from crm_assets.modeling.training_rows import TrainingRows

GROUP = "tuning"
TUNABLE = {tuning_of(row.name).name: row for row in ALGORITHMS if row.space}


def _tuned_asset(algorithm: Algorithm) -> dg.AssetsDefinition:
    @table_asset(
        tuning_of(algorithm.name),
        GROUP,
        "optuna",
        "mlflow",
        description=f"A search for better parameters of {algorithm.name}: one row per configuration, scored "
        "by walk-forward on the validation months only. It learns from the training set. If the best one "
        "beats the algorithm as it is by more than one standard error, and on held-out months too, "
        f"{algorithm.name} uses it then.",
        ins=snapshot_input(algorithm.learns_from == SNAPSHOT),
        code=(algorithm.build, searches.task_of),
    )
    def tuned(
        context: dg.AssetExecutionContext,
        training_set: TrainingRows,
        leak_audit: pd.DataFrame,
        mlflow: MlflowSession,
        **snapshots: ir.Table,
    ) -> pd.DataFrame:
        from crm_assets.modeling import plots, tuning

        try:
            task = searches.task_of(algorithm, training_set, leak_audit, snapshots)
        except NotEnoughDataError as reason:
            context.add_output_metadata({Fact.NO_MODEL: str(reason)})
            return TUNING.arrow.empty_table().to_pandas()
        search, budget = searches.opened(task), searches.budget_of(algorithm.name, _tuned_with(context))

        def say(sentence: str) -> None:
            context.log.info(sentence)
            progress.doing(context.asset_key.to_user_string(), sentence)

        found = searches.searched(search, budget, say)
        figures = {"search_history": plots.search_history([trial.value for trial in found.trials])}
        if weights := search.importance(budget):
            figures["parameter_importance"] = plots.parameter_importance(pd.Series(weights))
        run = mlflow.log_search(context, task, found, figures)
        compared = pd.DataFrame({"before": found.before, "best": found.after}).rename_axis("").reset_index()
        context.log.info(found.said)
        context.add_output_metadata(
            {
                Fact.TRIALS: len(found.trials),
                Fact.FOUND: found.said,
                Fact.GAIN: found.gain,
                Fact.GAIN_ERROR: found.error,
                Fact.HELD_OUT_GAIN: found.held_out,
                Fact.ADOPTED: found.adopted,
                Fact.PARAMETERS: dg.MetadataValue.json(found.best.parameters),
                Fact.BEFORE_AND_AFTER: table(compared),
                Fact.SECONDS: round(sum(trial.seconds for trial in found.trials), 1),
                Fact.MLFLOW_RUN: link(run),
                Fact.HISTORY: picture(figures["search_history"]),
                **({Fact.IMPORTANCE: picture(figures["parameter_importance"])} if weights else {}),
            }
        )
        return tuning.table(task, found)

    return tuned


def _tuned_with(context: dg.AssetExecutionContext) -> list[str]:
    """Return the names of all algorithms that the run tunes."""
    chosen = context.run.asset_selection
    names = TUNABLE if chosen is None else {key.to_user_string() for key in chosen}
    return [row.name for name, row in TUNABLE.items() if name in names]


class Joining(dg.Config):
    """Which search a worker joins."""

    algorithm: str = Field(description="The algorithm whose search it joins, for example xgboost.")


@dg.op(description="Works on a search that tuned_<algorithm> leads, until no trial is left.")
@told
def join_search(context: dg.OpExecutionContext, config: Joining) -> None:
    """Work on a search that an asset leads."""
    searches.join(config.algorithm, context.log.info)


@dg.job(
    name="tuning_worker",
    description="One more worker for a search, for example on another machine: start it as often as there "
    "are machines, while tuned_<algorithm> runs. It needs the same tables and database of searches "
    "(CRM_TUNE_STORAGE), and ends with the search.",
)
def tuning_worker() -> None:
    """Work on a search beside the asset's own run."""
    join_search()


tuning_assets = [_tuned_asset(algorithm) for algorithm in TUNABLE.values()]

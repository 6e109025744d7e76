"""From training set to champion: the leak audit, one backtest per algorithm, and the choice.

What is heavy to import is imported by the asset that uses it: the code location loads fast.
"""

from typing import TYPE_CHECKING

import dagster as dg
import ibis.expr.types as ir
import pandas as pd

from crm_assets.crm.schema import TableSchema
from crm_assets.crm.tables import BACKTEST, CHAMPION, LEAK_AUDIT, TRAINING_SET
from crm_assets.defs.assets.options import table_asset
from crm_assets.defs.metadata import link, picture, table
from crm_assets.defs.partitions import data_horizon, source
from crm_assets.defs.resources.mlflow import MlflowSession
from crm_assets.modeling import training
from crm_assets.modeling.algorithms import ALGORITHMS, Algorithm
from crm_assets.modeling.algorithms import algorithm as by_name
from crm_assets.modeling.training_rows import TrainingRows
from crm_assets.modeling.verdicts import INADMISSIBLE
from crm_assets.settings import get_settings

if TYPE_CHECKING:
    from crm_assets.modeling.backtest import Split

GROUP = "models"


@table_asset(TRAINING_SET, GROUP, "duckdb", "parquet")
def training_set(win_features: ir.Table, opportunities: ir.Table) -> ir.Table:
    """The labelled rows of win_features, from the month before the first recorded close on."""
    return training.training_set(win_features, opportunities)


@table_asset(LEAK_AUDIT, GROUP, "pandas", "parquet")
def leak_audit(
    context: dg.AssetExecutionContext, training_set: TrainingRows, opportunities: ir.Table
) -> pd.DataFrame:
    """Which features know the outcome in a way that no date explains, and why they stay out."""
    from crm_assets.modeling import leak_audit as audit

    settings = get_settings()
    last = data_horizon(opportunities)
    deals = opportunities.select(audit.DEAL_COLUMNS).to_pyarrow().to_pandas()
    verdicts = audit.leak_audit(training_set, deals, last, settings.admit_features, settings.exclude_features)
    context.add_output_metadata(
        {
            "inadmissible": int((verdicts["verdict"] == INADMISSIBLE).sum()),
            "overruled": ", ".join(verdicts.loc[verdicts["overruled"], "feature"]) or "none",
            "verdicts": table(verdicts[["feature", "verdict", "used", "reason"]]),
        }
    )
    return verdicts


def _model_asset(algorithm: Algorithm) -> dg.AssetsDefinition:
    @table_asset(
        TableSchema(algorithm.name, BACKTEST.description, BACKTEST.columns, BACKTEST.key),
        GROUP,
        "scikitlearn",
        "mlflow",
        description=f"{algorithm.description} Walk-forward scores of every month it can be tested on.",
    )
    def model(
        context: dg.AssetExecutionContext,
        training_set: TrainingRows,
        leak_audit: pd.DataFrame,
        mlflow: MlflowSession,
    ) -> pd.DataFrame:
        from crm_assets.modeling import plots
        from crm_assets.modeling.backtest import walk_forward
        from crm_assets.modeling.leak_audit import admissible_features
        from crm_assets.modeling.metrics import scores_by_month

        split, features = _split(training_set), admissible_features(leak_audit)
        scores = walk_forward(algorithm, training_set, features, split.scored, get_settings().seed)
        validation, test = scores_by_month(scores, split.validation), scores_by_month(scores, split.test)
        figures = {"auc_by_month": plots.auc_by_month({algorithm.name: pd.concat([validation, test])}, split)}
        run = mlflow.log_backtest(context, algorithm, features, training_set, validation, test, figures)
        context.add_output_metadata(
            {
                "features": len(features),
                "learns from": _learns_from(algorithm, training_set),
                "mlflow run": link(run),
                "validation months": table(validation),
                "test months (uncalibrated)": table(test),
                "ROC AUC by month": picture(figures["auc_by_month"]),
            }
        )
        return scores

    return model


model_assets = [_model_asset(algorithm) for algorithm in ALGORITHMS]


@table_asset(
    CHAMPION,
    GROUP,
    "scikitlearn",
    "mlflow",
    ins={algorithm.name: dg.AssetIn(dagster_type=pd.DataFrame) for algorithm in ALGORITHMS},
)
def champion(
    context: dg.AssetExecutionContext,
    training_set: TrainingRows,
    leak_audit: pd.DataFrame,
    mlflow: MlflowSession,
    **backtests: pd.DataFrame,
) -> pd.DataFrame:
    """The algorithm that the validation months choose, calibrated, refitted, and registered.

    It becomes champion of the MLflow registry if it is no worse than the current one on the same
    test months. The table is the leaderboard.
    """
    from crm_assets.modeling import champion as choice
    from crm_assets.modeling import plots
    from crm_assets.modeling.leak_audit import admissible_features
    from crm_assets.modeling.metrics import pooled, scores_by_month

    split, features = _split(training_set), admissible_features(leak_audit)
    candidate = choice.candidate(training_set, features, backtests, split, get_settings().seed)
    by_month = scores_by_month(candidate.walk_forward, split.test)
    figures = plots.champion_plots(candidate, training_set)
    decision, run, version = mlflow.register(context, candidate, training_set, by_month, figures)
    test = pooled(candidate.walk_forward, split.test)
    board = choice.decided(
        candidate.leaderboard, decision.promoted, decision.former_version, decision.former_test
    )
    context.add_output_metadata(
        {
            "algorithm": candidate.algorithm,
            "learned from": _learns_from(by_name(candidate.algorithm), training_set),
            "version": decision.version,
            "promoted": decision.promoted,
            "decision": decision.reason,
            "champion version": decision.champion_version,
            "trained until": candidate.trained_months[-1],
            "data": source().description,
            "synthetic": source().synthetic,
            "features": table(pd.DataFrame({"feature": features})),
            "mlflow run": link(run),
            "model version": link(version),
            **{f"test {name}": value for name, value in test.items()},
            "leaderboard": table(board.set_index("contender").T.rename_axis("").reset_index()),
            "test months": table(by_month),
            **{name.replace("_", " "): picture(png) for name, png in figures.items()},
        }
    )
    return board


def _learns_from(algorithm: Algorithm, training_set: TrainingRows) -> str:
    if len(training_set) <= algorithm.max_training_rows:
        return "all rows"
    return f"a seeded sample of at most {algorithm.max_training_rows:,} rows, equally many of each month"


def _split(training_set: TrainingRows) -> "Split":
    from crm_assets.modeling.backtest import split_months

    settings = get_settings()
    return split_months(training_set.months, settings.min_training_months, settings.test_months)


training_assets = [training_set, leak_audit, *model_assets, champion]

"""The assets from training set to champion: the leak audit, one backtest per algorithm, and the choice.

Each asset imports its heavy packages itself, so that the code location loads fast.
"""

from dataclasses import replace

import dagster as dg
import ibis.expr.types as ir
import pandas as pd

from crm_assets.crm.features import with_deal_features
from crm_assets.crm.history import CHANGE_RATES, FIELD_HISTORY
from crm_assets.crm.tables import (
    BACKTEST,
    CHAMPION,
    LEAK_AUDIT,
    TRAINING_SET,
    WIN_FEATURES,
)
from crm_assets.crm.tuning_table import tuning_of
from crm_assets.defs.assets.options import table_asset
from crm_assets.defs.assets.training_inputs import as_built, snapshot_input, snapshot_of, split_now, tuned_row
from crm_assets.defs.dumps import change_rates, vanished
from crm_assets.defs.metadata import Fact, by_month, link, picture, rewriting, score_name, table
from crm_assets.defs.partitions import data_horizon, monthly, source
from crm_assets.defs.resources.fold_models import RunFoldModels
from crm_assets.defs.resources.mlflow import MlflowSession
from crm_assets.defs.resources.store import TableStoreResource
from crm_assets.errors import NotEnoughDataError
from crm_assets.insight.audit import findings, shown
from crm_assets.insight.leaderboard import TITLES, leaderboard
from crm_assets.modeling import training
from crm_assets.modeling.algorithm import SNAPSHOT, Algorithm
from crm_assets.modeling.algorithms import LEARNS_FROM_SNAPSHOTS, in_force
from crm_assets.modeling.algorithms import algorithm as by_name
from crm_assets.modeling.training_rows import TrainingRows
from crm_assets.modeling.verdicts import ABSENT, INADMISSIBLE, UNPROVEN
from crm_assets.settings import get_settings

GROUP = "models"
ALGORITHMS = in_force(get_settings().more_algorithms)


@table_asset(TRAINING_SET, GROUP, "duckdb", "parquet")
def training_set(
    win_features: ir.Table, deal_features: ir.Table, opportunities: ir.Table, tables: TableStoreResource
) -> ir.Table:
    """One row per labeled month and open deal, from the month before the first recorded close on.

    The rows come from win_features, joined with deal_features. The leak audit and all models learn from them.
    """
    stored = set(tables.store.months(WIN_FEATURES.name))
    months = stored & set(monthly.get_partition_keys())
    training.stored_labeled_months(months, opportunities, data_horizon(opportunities))
    return training.training_set(with_deal_features(win_features, deal_features), opportunities)


@table_asset(LEAK_AUDIT, GROUP, "pandas", "parquet", deps=[FIELD_HISTORY.name, CHANGE_RATES.name])
def leak_audit(
    context: dg.AssetExecutionContext,
    training_set: TrainingRows,
    opportunities: ir.Table,
    tables: TableStoreResource,
) -> pd.DataFrame:
    """One row per feature: whether it knows the outcome in a way that no date explains, and the evidence.

    It comes from the training set, the deals and the history of archived dumps, and decides which features
    the models may use. For each column that is not admissible, the run shows the rates by month and status,
    and the rates that rewriting at closing would produce.
    """
    from crm_assets.modeling import leak_audit as audit
    from crm_assets.modeling import leak_evidence, plots
    from crm_assets.modeling.frames import read_coded
    from crm_assets.modeling.history_audit import told_by_history

    settings = get_settings()
    last = data_horizon(opportunities)
    columns = [name for name in audit.DEAL_COLUMNS if name in opportunities.columns]
    deals = read_coded(opportunities.select(columns))
    verdicts = audit.leak_audit(
        training_set,
        deals,
        last,
        settings.admit_features,
        settings.exclude_features,
        _validation_months(training_set),
        settings.seed,
        rates := change_rates(tables.store),
        vanished(tables.store),
    )
    evidence = {}
    if rates is not None:
        evidence[Fact.BY_HISTORY] = table(told_by_history(rates, list(audit.judged_columns(deals).columns)))
    for trace in leak_evidence.traces(verdicts, deals, last):
        evidence[by_month(trace.column)] = table(trace.months.round(4))
        evidence[rewriting(trace.column)] = picture(plots.leak_evidence(trace))
    context.add_output_metadata(
        {
            Fact.FINDINGS: table(findings(verdicts)),
            Fact.INADMISSIBLE: int((verdicts["verdict"] == INADMISSIBLE).sum()),
            Fact.UNPROVEN: int((verdicts["verdict"] == UNPROVEN).sum()),
            Fact.ABSENT_FEATURES: ", ".join(verdicts.loc[verdicts["verdict"] == ABSENT, "feature"]) or "none",
            Fact.OVERRULED: ", ".join(verdicts.loc[verdicts["overruled"], "feature"]) or "none",
            Fact.VERDICTS: table(shown(verdicts)),
            **evidence,
        }
    )
    return verdicts


def _model_asset(algorithm: Algorithm) -> dg.AssetsDefinition:
    @table_asset(
        replace(BACKTEST, name=algorithm.name),
        GROUP,
        "scikitlearn",
        "mlflow",
        description=f"{algorithm.description} One row per deal and month it can be tested on, with the "
        "walk-forward score. It learns from the training set; the champion is chosen by these scores.",
        ins=snapshot_input(algorithm.learns_from == SNAPSHOT),
        deps=[tuning_of(algorithm.name).name] if algorithm.space else [],
        code=(algorithm.build, *([algorithm.fast_scores] if algorithm.fast_scores else [])),
    )
    def model(
        context: dg.AssetExecutionContext,
        training_set: TrainingRows,
        leak_audit: pd.DataFrame,
        mlflow: MlflowSession,
        fold_models: RunFoldModels,
        tables: TableStoreResource,
        **snapshots: ir.Table,
    ) -> pd.DataFrame:
        from crm_assets.modeling import plots
        from crm_assets.modeling.backtest import walk_forward
        from crm_assets.modeling.leak_audit import admissible_features
        from crm_assets.modeling.metrics import scores_by_month
        from crm_assets.modeling.tuning import with_parameters

        features = admissible_features(leak_audit)
        try:
            split = split_now(training_set)
        except NotEnoughDataError as reason:
            context.add_output_metadata({Fact.NO_MODEL: str(reason)})
            return BACKTEST.having(()).arrow.empty_table().to_pandas()
        row, trials, tuned = tuned_row(tables.store, algorithm, split)
        scores = walk_forward(
            row,
            training_set,
            features,
            split.scored,
            get_settings().seed,
            fold_models.kept,
            snapshot_of(snapshots),
        )
        validation, test = scores_by_month(scores, split.validation), scores_by_month(scores, split.test)
        figures = {"auc_by_month": plots.auc_by_month({algorithm.name: pd.concat([validation, test])}, split)}
        run = mlflow.log_backtest(context, row, features, training_set, validation, test, figures)
        context.add_output_metadata(
            {
                Fact.FEATURES: len(features),
                Fact.LEARNS_FROM: _learns_from(algorithm, training_set),
                Fact.TUNED: tuned or "no",
                Fact.MLFLOW_RUN: link(run),
                Fact.VALIDATION_MONTHS: table(validation),
                Fact.TEST_MONTHS_UNCALIBRATED: table(test),
                Fact.AUC_BY_MONTH: picture(figures["auc_by_month"]),
            }
        )
        return with_parameters(row, trials, scores)

    return model


model_assets = [_model_asset(algorithm) for algorithm in ALGORITHMS]


@table_asset(
    CHAMPION,
    GROUP,
    "scikitlearn",
    "mlflow",
    ins={row.name: dg.AssetIn(dagster_type=ir.Table) for row in ALGORITHMS}
    | snapshot_input(LEARNS_FROM_SNAPSHOTS),
)
def champion(
    context: dg.AssetExecutionContext,
    training_set: TrainingRows,
    leak_audit: pd.DataFrame,
    mlflow: MlflowSession,
    fold_models: RunFoldModels,
    **tables: ir.Table,
) -> pd.DataFrame:
    """One row per contender: the leaderboard of all algorithms and baselines.

    The validation months choose the algorithm from the backtests. It is calibrated, refitted on all
    labeled months, and registered in MLflow. It becomes champion if it is no worse than the current
    champion on the same test months. The champion makes the predictions. If the data is not enough for a
    model, the only row is the pooled rate, which makes the predictions then.
    """
    from crm_assets.crm.frames import Frames
    from crm_assets.modeling import champion as choice
    from crm_assets.modeling import plots
    from crm_assets.modeling import pooled as pooled_rate
    from crm_assets.modeling.frames import compact
    from crm_assets.modeling.leak_audit import admissible_features
    from crm_assets.modeling.metrics import pooled, scores_by_month

    features = admissible_features(leak_audit)
    try:
        split = split_now(training_set)
    except NotEnoughDataError as reason:
        context.add_output_metadata({Fact.NO_MODEL: str(reason), Fact.ALGORITHM: pooled_rate.POOLED_RATE})
        return pooled_rate.leaderboard()
    contenders = {row.name: as_built(row, tables[row.name]) for row in ALGORITHMS}
    scores = BACKTEST.having(()).names
    backtests = Frames(list(contenders), lambda name: compact(tables[name].select(scores).to_pyarrow()))
    candidate = choice.candidate(
        training_set,
        features,
        backtests,
        split,
        get_settings().seed,
        fold_models.kept,
        snapshot_of(tables),
        contenders,
    )
    by_month = scores_by_month(candidate.walk_forward, split.test)
    figures = plots.champion_plots(candidate, training_set)
    decision, run, version = mlflow.register(context, candidate, training_set, by_month, figures, leak_audit)
    test = pooled(candidate.walk_forward, split.test)
    board = choice.decided(
        candidate.leaderboard, decision.promoted, decision.former_version, decision.former_test
    )
    # What a person looks at first stands first.
    context.add_output_metadata(
        {
            Fact.DECISION: decision.reason,
            Fact.ALGORITHM: candidate.algorithm,
            Fact.PROMOTED: decision.promoted,
            Fact.CHAMPION_VERSION: decision.champion_version,
            Fact.LEADERBOARD: table(leaderboard(board).rename(columns=TITLES)),
            **{name.replace("_", " "): picture(png) for name, png in figures.items()},
            Fact.TEST_MONTHS: table(by_month),
            **{score_name(name): round(float(value), 4) for name, value in test.items()},
            Fact.VERSION: decision.version,
            Fact.MODEL_VERSION: link(version),
            Fact.MLFLOW_RUN: link(run),
            Fact.CALIBRATION: candidate.calibration,
            Fact.TUNED: f"yes, {candidate.trials} trials" if candidate.trials else "no",
            Fact.LEARNED_FROM: _learns_from(by_name(candidate.algorithm), training_set),
            Fact.TRAINED_UNTIL: candidate.trained_months[-1],
            Fact.DATA: source().description,
            Fact.SYNTHETIC: source().synthetic,
            Fact.FEATURES: table(pd.DataFrame({"feature": features})),
            Fact.MODEL_CARD: dg.MetadataValue.md(decision.card),
        }
    )
    return board


def _learns_from(algorithm: Algorithm, training_set: TrainingRows) -> str:
    if algorithm.learns_from == SNAPSHOT:
        return "the snapshot of the month"
    if algorithm.takes_all(training_set):
        return "all rows"
    return f"a seeded sample of at most {algorithm.max_training_rows:,} rows, the same number per month"


def _validation_months(training_set: TrainingRows) -> list[str]:
    """Return the months to price features on; none if there are too few, which the models report."""
    try:
        return split_now(training_set).validation
    except NotEnoughDataError:
        return []


training_assets = [training_set, leak_audit, *model_assets, champion]

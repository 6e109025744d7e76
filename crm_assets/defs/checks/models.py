"""The gates of the models: the audit's verdicts, and whether the champion is good enough."""

import dagster as dg
import pandas as pd

from crm_assets.crm.targets import DEFAULT_TARGET
from crm_assets.defs.assets.models import champion, leak_audit
from crm_assets.defs.checks.scored_rows import scored_rows
from crm_assets.defs.metadata import Fact, table
from crm_assets.defs.partitions import monthly
from crm_assets.defs.resources.mlflow import MlflowSession
from crm_assets.defs.resources.store import TableStoreResource
from crm_assets.defs.told import told
from crm_assets.modeling.pooled import rate_in_force
from crm_assets.modeling.training_rows import TrainingRows
from crm_assets.modeling.verdicts import (
    INADMISSIBLE,
    MAX_UNPROVEN_PRICE,
    SEASONAL_RATE,
    UNPROVEN,
)
from crm_assets.settings import get_settings

# The mean distance between predicted and realized rate, over tenths of the deals of the test months.
MAX_CALIBRATION_ERROR = 0.10
# The share of a month's deals that may lie outside the range that the champion has learned from.
MAX_OUTSIDE = 0.20


@dg.asset_check(
    asset=leak_audit,
    description="The models use no feature that knows the outcome in a way that no date explains.",
)
@told
def features_are_admissible(leak_audit: pd.DataFrame) -> dg.AssetCheckResult:
    """Pass if the models use no feature that knows the outcome, and nothing waits for a decision.

    An inadmissible feature that the models do not use is dealt with. One that settings use is an error. An
    unproven one that is kept out is a warning, until settings admit or exclude it.
    """
    doubted = leak_audit[leak_audit["verdict"].isin((INADMISSIBLE, UNPROVEN))]
    used = doubted[doubted["used"] & (doubted["verdict"] == INADMISSIBLE)]
    shown = ["feature", "verdict", "used", "reason", "auc_without", "auc_with"]
    return dg.AssetCheckResult(
        passed=used.empty and not _undecided(doubted),
        severity=dg.AssetCheckSeverity.ERROR if len(used) else dg.AssetCheckSeverity.WARN,
        description=_verdicts(doubted),
        metadata={Fact.VERDICTS: table(doubted[shown])},
    )


@dg.asset_check(asset=champion, description="The champion beats the baselines on the test months.")
@told
def better_than_baselines(champion: pd.DataFrame) -> dg.AssetCheckResult:
    """Compare the champion in force with the seasonal rate, and a new champion with the former one.

    The champion must have a higher ROC AUC and a lower Brier score than the seasonal rate. A new
    champion needs a ROC AUC at least as high as the former one, as promotion requires.
    """
    if rate_in_force(champion):
        return _no_model()
    own = champion[champion["in_force"]].iloc[0]
    rivals = champion[champion["baseline"] & ~champion["in_force"]]
    seasonal = rivals["contender"] == SEASONAL_RATE
    ranks = rivals["test_roc_auc"] < own["test_roc_auc"]
    better = ranks & (rivals["test_brier"] > own["test_brier"])
    no_worse = ranks | (rivals["test_roc_auc"] == own["test_roc_auc"])
    beaten = better.where(seasonal, no_worse)
    names = ", ".join(rivals.loc[~beaten, "contender"])
    shown = ["contender", "in_force", "test_roc_auc", "test_brier", "test_ece"]
    return dg.AssetCheckResult(
        passed=bool(beaten.all()),
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"Not better than {names}." if names else "Better than the baselines.",
        metadata={Fact.TEST_MONTHS: table(champion[champion["in_force"] | champion["baseline"]][shown])},
    )


@dg.asset_check(asset=champion, description="The expected calibration error on the test months is small.")
@told
def well_calibrated(champion: pd.DataFrame) -> dg.AssetCheckResult:
    """Check the calibration error: the forecast adds up probabilities, so they must match real rates."""
    if rate_in_force(champion):
        return _no_model()
    error = float(champion.loc[champion["in_force"], "test_ece"].iloc[0])
    return dg.AssetCheckResult(
        passed=error <= MAX_CALIBRATION_ERROR,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"Expected calibration error {error:.3f}; accepted up to {MAX_CALIBRATION_ERROR:.2f}.",
        metadata={Fact.CALIBRATION_ERROR: error},
    )


@dg.asset_check(
    asset=champion,
    additional_ins={"leak_audit": dg.AssetIn("leak_audit")},
    blocking=True,
    description="The champion in force uses no inadmissible feature, unless settings say so.",
)
@told
def no_inadmissible_feature(
    champion: pd.DataFrame, leak_audit: pd.DataFrame, mlflow: MlflowSession
) -> dg.AssetCheckResult:
    """Check the features of the champion, since an older one may use a feature that was ruled out later."""
    if rate_in_force(champion):
        return _no_model()
    model = mlflow.load_champion()
    forbidden = set(leak_audit.loc[~leak_audit["used"], "feature"]) & set(model.features)
    names = ", ".join(sorted(forbidden))
    return dg.AssetCheckResult(
        passed=not forbidden,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"Version {model.version} uses {names}: promote another version."
        if names
        else f"Version {model.version} uses {len(model.features)} features, all of them allowed.",
        metadata={Fact.FEATURES: ", ".join(model.features)},
    )


@dg.asset_check(asset=champion, description="The champion knows the outcomes of the last months.")
@told
def champion_is_recent(
    champion: pd.DataFrame, mlflow: MlflowSession, tables: TableStoreResource
) -> dg.AssetCheckResult:
    """Check how many months of known outcomes the champion in force has not learned from."""
    from crm_assets.monitoring.triggers import months_between, too_old

    if rate_in_force(champion):
        return _no_model()
    limit = get_settings().champion_max_age
    newest = max(set(tables.store.months("win_features")) & set(monthly.get_partition_keys()))
    until = max(mlflow.load_champion().trained_months)
    age = months_between(until, DEFAULT_TARGET.last_labeled(newest))
    recent = f"It has learned from months up to {until} and lacks {age} months of outcomes; allowed: {limit}."
    return dg.AssetCheckResult(
        passed=age <= limit,
        severity=dg.AssetCheckSeverity.WARN,
        description=recent if age <= limit else too_old(until, newest, age, limit),
        metadata={Fact.TRAINED_UNTIL: until, Fact.MONTH: newest},
    )


@dg.asset_check(
    asset=champion,
    additional_ins={"training_set": dg.AssetIn("training_set")},
    description="The features of training and of the newest month agree in name, type and range.",
)
@told
def training_and_scoring_agree(
    champion: pd.DataFrame, training_set: TrainingRows, mlflow: MlflowSession, tables: TableStoreResource
) -> dg.AssetCheckResult:
    """Check that the rows the champion scores look like the rows it learned from."""
    from crm_assets.modeling.agreement import agreement

    if rate_in_force(champion):
        return _no_model()
    store = tables.store
    month = max(set(store.months("win_features")) & set(monthly.get_partition_keys()))
    compared = agreement(training_set, scored_rows(store, month), mlflow.load_champion().features)
    differing = compared[compared["training_type"] != compared["scoring_type"]]
    strange = compared[compared["outside"] > MAX_OUTSIDE]
    said = [f"{row.feature} is {row.training_type} and {row.scoring_type}" for row in differing.itertuples()]
    said += [f"{row.feature}: {row.outside:.0%} of {month} outside" for row in strange.itertuples()]
    return dg.AssetCheckResult(
        passed=not said,
        severity=dg.AssetCheckSeverity.ERROR if len(differing) else dg.AssetCheckSeverity.WARN,
        description="; ".join(said) or f"{len(compared)} features of {month} agree with the training set.",
        metadata={Fact.MONTH: month, Fact.FEATURES: table(compared)},
    )


def _no_model() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=True, description="A rate of past deals makes the predictions, so there is no model to check."
    )


def _undecided(doubted: pd.DataFrame) -> bool:
    """Return whether a feature is kept out as unproven, and settings say nothing about it."""
    out = doubted.loc[(doubted["verdict"] == UNPROVEN) & ~doubted["used"], "feature"]
    return bool(set(out) - set(get_settings().exclude_features))


def _verdicts(doubted: pd.DataFrame) -> str:
    if doubted.empty:
        return "All features are admissible."
    guilty = doubted[doubted["verdict"] == INADMISSIBLE]
    unproven = doubted[doubted["verdict"] == UNPROVEN]
    said = []
    if used := int(guilty["used"].sum()):
        said.append(
            f"{len(guilty)} features are inadmissible, and {used} of them are used because "
            "CRM_ADMIT_FEATURES names them."
        )
    elif len(guilty):
        said.append(f"{len(guilty)} features are inadmissible; the models do not use them.")
    if out := unproven.loc[~unproven["used"], "feature"].tolist():
        said.append(
            f"{', '.join(out)}: unproven, and worth more than {MAX_UNPROVEN_PRICE} of validation ROC AUC; "
            "the models do not use them. If you know that the values exist before a deal closes, name the "
            "features in CRM_ADMIT_FEATURES; if not, in CRM_EXCLUDE_FEATURES."
        )
    if kept := unproven.loc[unproven["used"], "feature"].tolist():
        said.append(f"{', '.join(kept)}: unproven, and used.")
    return " ".join(said)


model_checks = [
    features_are_admissible,
    better_than_baselines,
    well_calibrated,
    no_inadmissible_feature,
    champion_is_recent,
    training_and_scoring_agree,
]

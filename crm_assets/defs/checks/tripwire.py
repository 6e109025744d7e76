"""The live tripwire: a leak that no audit sees makes the champion's scores collapse at the newest month."""

import dagster as dg
import pandas as pd

from crm_assets.crm.snapshots import RECONSTRUCTED
from crm_assets.crm.tables import (
    CHAMPION,
    DEAL_FEATURES_TABLE,
    MONTHLY_SNAPSHOTS,
    WIN_FEATURES,
    WIN_PREDICTIONS,
)
from crm_assets.defs.checks.scored_rows import scored_rows
from crm_assets.defs.metadata import Fact, table
from crm_assets.defs.partitions import monthly
from crm_assets.defs.resources.mlflow import MlflowSession
from crm_assets.defs.resources.store import TableStoreResource
from crm_assets.defs.told import told
from crm_assets.modeling.pooled import rate_in_force
from crm_assets.modeling.tripwire import AGES, LEAST, SHOWN, WINDOW, Comparison, compare
from crm_assets.storage.tables import TableStore


@dg.asset_check(
    asset=WIN_PREDICTIONS.name,
    additional_deps=[WIN_FEATURES.name, DEAL_FEATURES_TABLE.name, MONTHLY_SNAPSHOTS.name],
    description="The champion scores the newest month like the months before it, at the same age and season.",
)
@told
def scores_have_not_collapsed(mlflow: MlflowSession, tables: TableStoreResource) -> dg.AssetCheckResult:
    """Compare the champion's scores of the newest month with those of the months before it.

    Months that a dump has recorded are left out: there, too, nothing had been written yet.
    """
    store = tables.store
    stored = sorted(set(store.months(WIN_FEATURES.name)) & set(monthly.get_partition_keys()))
    newest = stored[-1]
    if not mlflow.has_champion() or _rate_speaks(store):
        return _passed(newest, "There is no champion: a rate of past deals makes the predictions.")
    champion = mlflow.load_champion()
    if not champion.may_score(newest):
        return _passed(newest, f"The champion learned from months that were not over in {newest}.")
    before = [month for month in stored[-WINDOW - 1 : -1] if _reconstructed(store, month)]
    if len(before) < LEAST:
        return _passed(
            newest,
            f"Only {len(before)} of the {WINDOW} months before {newest} are stored and reconstructed; "
            f"{LEAST} are needed to compare.",
        )
    frames = {month: scored_rows(store, month) for month in [*before, newest]}
    found = compare(
        frames,
        champion.features,
        lambda rows: champion.probabilities(rows)["probability"].to_numpy(),
    )
    if found is None:
        return _passed(newest, f"There are too few deals of equal age to compare {newest} with.")
    means = pd.DataFrame({"month": list(found.scores), "mean probability": list(found.scores.values())})
    return dg.AssetCheckResult(
        passed=not found.collapsed,
        severity=dg.AssetCheckSeverity.ERROR,
        description=_sentence(found),
        metadata={
            Fact.MONTH: newest,
            Fact.MEAN_SCORES: table(means),
            Fact.EXPLAINED_BY: table(found.explained.head(len(AGES))),
        },
    )


def _reconstructed(store: TableStore, month: str) -> bool:
    rows = store.read(MONTHLY_SNAPSHOTS.name, [month])
    return bool((rows.known_from == RECONSTRUCTED).any().to_pyarrow().as_py())


def _rate_speaks(store: TableStore) -> bool:
    """Return whether a rate takes the place of the champion, which an earlier run may have left."""
    return store.has(CHAMPION.name) and bool(rate_in_force(store.to_pandas(store.read(CHAMPION.name))))


def _passed(month: str, why: str) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True, description=why, metadata={Fact.MONTH: month})


def _sentence(found: Comparison) -> str:
    now, then = found.scores[found.month], found.scores[found.lowest]
    months = sorted(month for month in found.scores if month != found.month)
    since = f"{months[0]} to {months[-1]}"
    compared = f"at the same age and season, and {then:.3f} or more in each month from {since}"
    if not found.collapsed:
        return f"The mean probability is {now:.3f} in {found.month} {compared}."
    names = ", ".join(found.explained.head(SHOWN)["feature"])
    return (
        f"The champion's scores have collapsed: the mean probability is {now:.3f} in {found.month} "
        f"{compared}. The features that explain most of it are {names}: their values may be written only "
        "when a deal closes, so that open deals lack them. Find out when the CRM writes them, or name them "
        "in CRM_EXCLUDE_FEATURES and run again."
    )

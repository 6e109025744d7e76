"""Whether forecasts held, and how good the newest predictions will turn out: what was said against what came.

These assets have a job of their own, which runs after a month's predictions.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import dagster as dg
import pandas as pd

from crm_assets.crm.tables import (
    MONTHLY_SNAPSHOTS,
    OPPORTUNITIES,
    REVENUE_FORECAST,
    WIN_PREDICTIONS,
)
from crm_assets.crm.targets import DEFAULT_TARGET, TARGETS, Target
from crm_assets.defs.assets.options import beta, table_asset
from crm_assets.defs.metadata import Fact, picture, table
from crm_assets.defs.partitions import data_horizon
from crm_assets.defs.resources.fold_models import RunFoldModels
from crm_assets.defs.resources.store import TableStoreResource
from crm_assets.monitoring.tables import FORECAST_ACCURACY, LATER, PERFORMANCE_ESTIMATE, THEN, of_horizon
from crm_assets.storage.monthly import MonthlyFrames
from crm_assets.storage.said import as_said
from crm_assets.storage.tables import TableStore

if TYPE_CHECKING:
    from crm_assets.modeling.outlook.history import History
    from crm_assets.monitoring.accuracy import Stored

GROUP = "monitoring"
# What the tables repeat about who made the predictions.
MADE = ("scored_by", "algorithm", "model_version")
# How many months of estimates tell how far an estimate strays.
MONTHS_OF_ESTIMATES = 12
# What the UI says about where predictions come from.
STORED = {
    THEN: "stored before anybody knew what came",
    LATER: "made later, by a backfill, without the outcomes but with today's code and choice of algorithm",
}
CANNOT_SEE = (
    "It takes the probabilities at their word: it sees another mix of deals, but not that the relation of "
    "deals to outcomes has changed. Only the outcome shows that, in forecast_accuracy."
)
NOTHING_SAID = "Nobody predicted this month: there was too little history by then to learn from."
LONGEST = max(target.months for target in TARGETS)
with beta():
    BEFORE, ALL_BEFORE = (
        dg.TimeWindowPartitionMapping(
            start_offset=-months,
            end_offset=-DEFAULT_TARGET.months,
            allow_nonexistent_upstream_partitions=True,
        )
        for months in (DEFAULT_TARGET.months, LONGEST)
    )


@table_asset(
    PERFORMANCE_ESTIMATE,
    GROUP,
    "pandas",
    "parquet",
    by_month=True,
    deps=[WIN_PREDICTIONS.name, MONTHLY_SNAPSHOTS.name],
)
def performance_estimate(
    context: dg.AssetExecutionContext, tables: TableStoreResource, fold_models: RunFoldModels
) -> MonthlyFrames:
    """One row per month and measure: how good the month's predictions will turn out, before anybody knows.

    ROC AUC, Brier score and wins follow from the predicted probabilities alone, if these are right. The
    intervals are as wide as the past months of win_predictions, held against monthly_snapshots, strayed from
    their estimates. It cannot see that the relation between deals and outcomes has changed; only the outcome
    shows that, in forecast_accuracy. Sales operations looks at it when a month's predictions are new.
    """

    def of_month(month: str) -> pd.DataFrame:
        frame = estimated(tables.store, month, fold_models)
        context.add_asset_metadata(_of_estimate(frame), partition_key=month)
        return frame

    return MonthlyFrames(context.partition_keys, of_month)


@table_asset(
    FORECAST_ACCURACY,
    GROUP,
    "pandas",
    "parquet",
    by_month=True,
    deps=[
        dg.AssetDep(WIN_PREDICTIONS.name, partition_mapping=ALL_BEFORE),
        dg.AssetDep(REVENUE_FORECAST.name, partition_mapping=ALL_BEFORE),
        dg.AssetDep(PERFORMANCE_ESTIMATE.name, partition_mapping=BEFORE),
        MONTHLY_SNAPSHOTS.name,
    ],
)
def forecast_accuracy(
    context: dg.AssetExecutionContext, tables: TableStoreResource, fold_models: RunFoldModels
) -> MonthlyFrames:
    """One row per month, horizon, level, name, measure and who said it: what was said, and what came.

    It takes win_predictions and revenue_forecast of the months before as they were stored then, of each
    horizon that ends with the month, with performance_estimate of the next month alone, and what came from
    monthly_snapshots of the month. Beside the model stand the season, the
    CRM's own probability and forecast category as a dump recorded them then, and people's own numbers. Sales
    managers see whether the forecast held, and where it is biased.
    """
    from crm_assets.insight.reading import currency_of
    from crm_assets.monitoring.accuracy import said_and_came
    from crm_assets.monitoring.outcome import Outcome

    store = tables.store
    opportunities = store.read(OPPORTUNITIES.name)
    horizon, currency = data_horizon(opportunities), currency_of(opportunities)
    earlier = [m for m in store.months(FORECAST_ACCURACY.name) if m < context.partition_keys[0]]
    known = [store.to_pandas(store.read(FORECAST_ACCURACY.name, [month])) for month in earlier]

    def judged(month: str) -> pd.DataFrame:
        parts = []
        for target in TARGETS if month <= horizon else ():
            stored = _stored(store, target, month, fold_models)
            if len(stored.predictions):
                outcome = Outcome(_history(store, month, fold_models), month, target)
                parts.append(said_and_came(stored, outcome))
        found = [part for part in parts if len(part)]
        frame = (
            pd.concat(found, ignore_index=True)
            if found
            else FORECAST_ACCURACY.arrow.empty_table().to_pandas()
        )
        known.append(frame)
        facts = (
            _of_accuracy(frame, known, currency)
            if len(of_horizon(frame))
            else {Fact.NO_PREDICTIONS: NOTHING_SAID}
        )
        context.add_asset_metadata(facts, partition_key=month)
        return frame

    return MonthlyFrames(context.partition_keys, judged)


def _said(store: TableStore, name: str, month: str, columns: list[str] | None = None) -> pd.DataFrame:
    """Return a month of predictions or of the forecast as it was said; without rows if nobody said it."""
    table_name, _ = as_said(store, name, month)
    if month not in store.months(table_name):
        return pd.DataFrame(columns=pd.Index(columns or []))
    rows = store.read(table_name, [month])
    # A month that was stored before there was a target lacks its column.
    there = [name for name in columns or rows.columns if name in rows.columns]
    return store.to_pandas(rows.select(there))


def _history(store: TableStore, month: str, fold_models: RunFoldModels) -> "History":
    """Return the deals of a month's snapshot; both assets of a run need the same."""
    from crm_assets.modeling.frames import coded
    from crm_assets.modeling.outlook.history import History, needed

    kept = fold_models.monitored
    if month not in kept:
        # One month at a time, since a snapshot may be large.
        kept.clear()
        kept[month] = History.of(
            coded(needed(store.read(MONTHLY_SNAPSHOTS.name, [month])).to_pyarrow()), month
        )
    return kept[month]


def _known_estimates(
    store: TableStore, month: str, fold_models: RunFoldModels
) -> Iterator[tuple[pd.Series, Any]]:
    """Yield the chances of each past month whose outcome is known by now, and the outcomes."""
    from crm_assets.modeling.training_rows import DEAL
    from crm_assets.monitoring.outcome import Outcome

    scored = [m for m in store.months(WIN_PREDICTIONS.name) if m <= DEFAULT_TARGET.last_labeled(month)]
    for past in scored[-MONTHS_OF_ESTIMATES:]:
        rows = _said(store, WIN_PREDICTIONS.name, past, [DEAL, "probability"])
        if len(rows):
            outcome = Outcome(_history(store, month, fold_models), DEFAULT_TARGET.last_month(past))
            yield rows["probability"], outcome.of_deals(rows[DEAL])


def estimated(store: TableStore, month: str, fold_models: RunFoldModels) -> pd.DataFrame:
    """Return the estimate for the predictions of a month, from what was known at its end."""
    from crm_assets.monitoring.estimate import of_predictions

    predictions = _said(store, WIN_PREDICTIONS.name, month, ["probability", *MADE])
    return of_predictions(predictions, month, list(_known_estimates(store, month, fold_models)))


def _stored(store: TableStore, target: Target, last: str, fold_models: RunFoldModels) -> "Stored":
    """Return what was stored about the months until `last`, as it was said."""
    from crm_assets.insight.overrides import overrides
    from crm_assets.insight.reading import Reader
    from crm_assets.modeling.outlook.walk import column_of
    from crm_assets.modeling.training_rows import DEAL
    from crm_assets.monitoring.accuracy import Stored

    month = target.last_labeled(last)
    stored = Stored(
        predictions=_said(store, WIN_PREDICTIONS.name, month, [DEAL, column_of(target), *MADE]),
        forecast=_said(store, REVENUE_FORECAST.name, month),
        then=all(as_said(store, table.name, month)[1] for table in (WIN_PREDICTIONS, REVENUE_FORECAST)),
    )
    if target != DEFAULT_TARGET or stored.predictions.empty:
        return stored
    own = overrides(Reader(store))
    # Whether the month before was monitored must not decide how wide its interval is.
    made = month in store.months(PERFORMANCE_ESTIMATE.name)
    return replace(
        stored,
        estimate=_said_by_estimate(store, month) if made else estimated(store, month, fold_models),
        crm=_crm_numbers(store, month),
        overrides=own[own["forecast_month"] == last],
    )


def _said_by_estimate(store: TableStore, month: str) -> pd.DataFrame:
    return store.to_pandas(store.read(PERFORMANCE_ESTIMATE.name, [month]))


def _crm_numbers(store: TableStore, month: str) -> pd.DataFrame:
    """Return the CRM's own numbers as a dump recorded them then: later ones know what came."""
    from crm_assets.crm.snapshots import RECONSTRUCTED
    from crm_assets.monitoring.tables import CATEGORY, CRM_PROBABILITY

    deals = (
        store.read(MONTHLY_SNAPSHOTS.name, [month]) if month in store.months(MONTHLY_SNAPSHOTS.name) else None
    )
    own = [name for name in (CRM_PROBABILITY, CATEGORY) if deals is not None and name in deals.columns]
    if deals is None or not own:
        return pd.DataFrame()
    recorded = deals.filter(deals.known_from != RECONSTRUCTED)
    return store.to_pandas(recorded.select("opportunity_id", *own))


def _of_estimate(frame: pd.DataFrame) -> dict[str, Any]:
    """Return what the UI shows about a month's estimate."""
    if frame.empty:
        return {Fact.NO_PREDICTIONS: NOTHING_SAID}
    shown = frame[["forecast_month", "measure", "said", "lower", "upper", "deals"]]
    return {Fact.ESTIMATED: table(shown), Fact.LIMIT: CANNOT_SEE}


def _of_accuracy(frame: pd.DataFrame, known: list[pd.DataFrame], currency: str) -> dict[str, Any]:
    """Return what the UI shows about a month, and about the months until then."""
    from crm_assets.monitoring import plots, summary

    rows = pd.concat([each for each in known if len(each)], ignore_index=True)
    facts = {
        Fact.SAID_AND_CAME: picture(plots.said_and_came(rows, currency)),
        **summary.figures(frame),
        Fact.BY_MONTH: table(summary.with_currency(summary.by_month(rows), currency)),
        Fact.QUALITY_BY_MONTH: table(summary.quality_by_month(rows)),
        Fact.OVER_SEVERAL_MONTHS: table(summary.with_currency(summary.over_several_months(rows), currency)),
        Fact.STORED: STORED[frame["stored"].iloc[0]],
        Fact.OTHERS: table(summary.others(frame)),
        Fact.CALIBRATION_OF_MONTH: picture(plots.calibration(frame)),
    }
    for level, name in (("manager", Fact.BIAS_BY_MANAGER), ("product", Fact.BIAS_BY_PRODUCT)):
        biased = summary.bias(rows, level)
        if len(biased):
            facts[name] = table(summary.with_currency(biased, currency))
    return facts


monitoring_assets = [performance_estimate, forecast_accuracy]

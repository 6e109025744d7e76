"""The sensors: predictions follow the champion of the registry, and models follow new labels.

Each sensor compares the stored state with the state that should be, so that restarts lose nothing.
"""

from datetime import UTC, datetime

import dagster as dg

from crm_assets.crm.tables import CHAMPION, OPPORTUNITIES, REVENUE_FORECAST, WIN_FEATURES, WIN_PREDICTIONS
from crm_assets.crm.targets import DEFAULT_TARGET
from crm_assets.defs.automation import state
from crm_assets.defs.automation.evidence import EVIDENCE, evidence
from crm_assets.defs.automation.jobs import (
    LABELING_JOBS,
    MONITORING,
    PREDICTING_JOBS,
    monitoring,
    refresh,
    retraining,
)
from crm_assets.defs.automation.requests import MONITORS, SENSORS, not_ours, run_over
from crm_assets.defs.partitions import data_horizon
from crm_assets.defs.resources.store import TableStoreResource
from crm_assets.errors import NotEnoughDataError, SourceUnavailableError
from crm_assets.modeling.training import stored_labeled_months
from crm_assets.monitoring.triggers import Reason, cooling
from crm_assets.registry.watch import champion_version
from crm_assets.settings import get_settings
from crm_assets.storage.tables import TableStore

# Tags that say what a run is for.
REFRESH_TAG, RETRAINING_TAG, MONITORING_TAG = "crm/refresh", "crm/retraining", "crm/monitoring"
# The tag of a retraining that evidence asked for: why.
WHY_TAG = "crm/why"

INTERVAL = get_settings().poll_seconds

Answer = dg.RunRequest | dg.SkipReason


@dg.sensor(
    job=refresh,
    minimum_interval_seconds=INTERVAL,
    default_status=SENSORS,
    description="When another model version becomes champion, or a month is new: refreshes the predictions "
    "and the forecast of the newest month.",
)
def champion_changed(context: dg.SensorEvaluationContext) -> Answer:
    """Refresh the predictions and forecast of the newest month when the champion or the month changes.

    It compares the version with the alias `champion` with the version that made the newest month's
    predictions. If they differ, it requests one run. The run key names the version, the month and the
    forecast that the run replaces, so that each change starts one run only, even after a restart between
    the request and its record. When a former version returns, it replaces a later forecast, so the sensor
    refreshes again. If a change is undone before the sensor sees it, or during a run, the last champion's
    predictions remain. The sensor retries a failed run, up to three tries in six hours. The cursor shows
    the last goal.
    """
    if run := state.under_way(
        context.instance, PREDICTING_JOBS, (WIN_PREDICTIONS.name, REVENUE_FORECAST.name)
    ):
        return dg.SkipReason(f"Run {run} is writing predictions.")
    if refused := not_ours():
        return refused
    months = state.stored_months(context.instance)
    if not months:
        return dg.SkipReason("No month has features yet.")
    try:
        version = champion_version(get_settings())
    except SourceUnavailableError as error:
        return dg.SkipReason(str(error))
    if version is None:
        return dg.SkipReason("No version has the alias champion.")
    month = months[-1]
    if state.predictions_of(context.instance, month) == version:
        return dg.SkipReason(f"Version {version} made the predictions of {month}: they are up to date.")
    goal = f"v{version}-{month}-after-{state.newest_forecast(context.instance, month)}"
    return _once(context, REFRESH_TAG, goal, [month])


@dg.sensor(
    job=retraining,
    minimum_interval_seconds=INTERVAL,
    default_status=SENSORS,
    description="When a month's outcomes are known and no model has learned from them: retrains, and "
    "promotes the best model if it beats the champion.",
)
def labels_arrived(context: dg.SensorEvaluationContext, tables: TableStoreResource) -> Answer:
    """Retrain when a month has labels that no model has learned from.

    A month's labels are known when the months that they cover are over and stored. The run adds the labels
    of the new months, trains, and promotes the best model if it beats the champion. The sensor requests one
    run per newest labeled month, and retries a failed run, up to three tries in six hours. With
    `CRM_RETRAIN=evidence`, new labels alone start no run: something must speak for it, and the last training
    must lie `CRM_COOL_DOWN_DAYS` back. The first training waits for neither.
    """
    if run := state.under_way(context.instance, LABELING_JOBS, (WIN_FEATURES.name, CHAMPION.name)):
        return dg.SkipReason(f"Run {run} is processing months or training.")
    if refused := not_ours():
        return refused
    months = state.stored_months(context.instance)
    if not months:
        return dg.SkipReason("No month has features yet.")
    learned = state.trained_until(context.instance)
    # Models that learned from other data, for example from the sample, have learned no month of this data.
    learned = learned if learned in months else None
    if learned and learned >= DEFAULT_TARGET.last_labeled(months[-1]):
        return dg.SkipReason(f"Nothing new: the models have learned from all labels, up to {learned}.")
    try:
        labeled = _labeled(tables.store, months)
    except NotEnoughDataError as error:
        return dg.SkipReason(str(error))
    if learned and learned >= labeled[-1]:
        return dg.SkipReason(f"Nothing new: the data has no labels after {learned}.")
    new = [month for month in labeled if learned is None or month > learned]
    why = _why(context, tables.store, months[-1]) if learned else None
    if isinstance(why, dg.SkipReason):
        return why
    tags = {WHY_TAG: why.said} if why else None
    return _once(context, RETRAINING_TAG, f"labels-{new[-1]}-after-{learned or 'none'}", new, tags)


@dg.sensor(
    job=monitoring,
    minimum_interval_seconds=INTERVAL,
    default_status=MONITORS,
    description="When a month has new predictions: holds what was said about the month against what came, "
    "and says how good the predictions will turn out.",
)
def predictions_arrived(context: dg.SensorEvaluationContext) -> Answer:
    """Look back once a month's predictions are there, and again when the newest ones are replaced.

    The run covers the months that nobody looked at yet. The sensor retries a failed run, up to three tries in
    six hours.
    """
    if run := state.under_way(
        context.instance, (*PREDICTING_JOBS, MONITORING), (WIN_PREDICTIONS.name, REVENUE_FORECAST.name)
    ):
        return dg.SkipReason(f"Run {run} is writing predictions or looking back at them.")
    if refused := not_ours():
        return refused
    months = state.unmonitored(context.instance)
    if not months:
        return dg.SkipReason("Nothing new: all predicted months are monitored.")
    goal = f"{months[0]}...{months[-1]}-after-{state.newest_forecast(context.instance, months[-1])}"
    return _once(context, MONITORING_TAG, goal, months)


def _why(
    context: dg.SensorEvaluationContext, store: TableStore, newest: str
) -> Reason | dg.SkipReason | None:
    """Return what speaks for retraining, or why to wait; None if settings ask for no reason."""
    settings = get_settings()
    if settings.retrain != EVIDENCE:
        return None
    try:
        found = evidence(store, newest)
    except SourceUnavailableError as error:
        return dg.SkipReason(str(error))
    if not found:
        return dg.SkipReason(
            "There are new labels, but nothing speaks for retraining (CRM_RETRAIN=evidence)."
        )
    left = cooling(state.trained_at(context.instance), datetime.now(UTC), settings.cool_down_days)
    if left is None:
        return found[0]
    return dg.SkipReason(
        f"{found[0].said} The last training is recent, so the sensor waits until {left.days + 1} more days "
        "have passed (CRM_COOL_DOWN_DAYS)."
    )


def _labeled(store: TableStore, months: list[str]) -> list[str]:
    """Return the stored months whose labels are known, if there are enough of them to train on."""
    from crm_assets.modeling.folds import split_months

    deals = store.read(OPPORTUNITIES.name)
    labeled = stored_labeled_months(months, deals, data_horizon(deals))
    split_months(labeled, get_settings().min_training_months, get_settings().test_months)
    return labeled


def _once(
    context: dg.SensorEvaluationContext,
    tag: str,
    goal: str,
    months: list[str],
    more: dict[str, str] | None = None,
) -> Answer:
    """Request one run for a goal, with more tags; Dagster starts no second run with the same key."""
    failed = state.failures(context.instance, tag, goal)
    if failed >= state.MOST_TRIES:
        return dg.SkipReason(
            f"{goal}: {failed} runs have failed within {state.HOURS} hours. Fix what they report and start a "
            "run by hand, or wait."
        )
    context.update_cursor(goal)
    tags = {tag: goal} | (more or {})
    return run_over(months, f"{goal}-try-{state.tries(context.instance, tag, goal) + 1}", tags)


sensors = [champion_changed, labels_arrived, predictions_arrived]

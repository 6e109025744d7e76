"""Sensors: predictions follow the champion of the registry, and models follow new labels.

Each compares what is with what should be, both as they are kept, so that restarts lose nothing.
"""

import dagster as dg

from crm_assets.crm.tables import CHAMPION, OPPORTUNITIES, REVENUE_FORECAST, WIN_FEATURES, WIN_PREDICTIONS
from crm_assets.crm.targets import DEFAULT_TARGET
from crm_assets.defs.automation import state
from crm_assets.defs.automation.jobs import LABELING_JOBS, PREDICTING_JOBS, refresh, retraining
from crm_assets.defs.automation.requests import SENSORS, not_ours, run_over
from crm_assets.defs.partitions import data_horizon
from crm_assets.defs.resources.store import TableStoreResource
from crm_assets.errors import NotEnoughDataError, SourceUnavailableError
from crm_assets.modeling.training import stored_labeled_months
from crm_assets.registry.watch import champion_version
from crm_assets.settings import get_settings
from crm_assets.storage.tables import TableStore

# Tags that say what a run is for.
REFRESH_TAG, RETRAINING_TAG = "crm/refresh", "crm/retraining"

INTERVAL = get_settings().poll_seconds

Answer = dg.RunRequest | dg.SkipReason


@dg.sensor(job=refresh, minimum_interval_seconds=INTERVAL, default_status=SENSORS)
def champion_changed(context: dg.SensorEvaluationContext) -> Answer:
    """Refreshes predictions and forecast of the newest month when the champion or the month changes.

    It holds the version with the alias `champion` against the version that the newest month's
    predictions are of. Where they differ it asks for one run, whose key names the version, the month
    and the forecast that it replaces: one run for each change that it sees, never a second one for
    the same, also after a restart between asking and remembering. A version that returns replaces a
    later forecast, so it is refreshed again. A change that is taken back before it is seen, or while
    a run is under way, ends with the predictions of the last one. A run that fails is tried again, at
    most three times in six hours. The cursor shows the last goal.
    """
    if run := state.under_way(
        context.instance, PREDICTING_JOBS, (WIN_PREDICTIONS.name, REVENUE_FORECAST.name)
    ):
        return dg.SkipReason(f"Run {run} writes predictions.")
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
        return dg.SkipReason("No version holds the alias champion.")
    month = months[-1]
    if state.predictions_of(context.instance, month) == version:
        return dg.SkipReason(f"The predictions of {month} are of version {version}.")
    goal = f"v{version}-{month}-after-{state.newest_forecast(context.instance, month)}"
    return _once(context, REFRESH_TAG, goal, [month])


@dg.sensor(job=retraining, minimum_interval_seconds=INTERVAL, default_status=SENSORS)
def labels_arrived(context: dg.SensorEvaluationContext, tables: TableStoreResource) -> Answer:
    """Retrains when the labels of a month are known that no model has learned from.

    A month's labels are known when the months that they look at are over and stored. The run gives the new
    months their labels, trains, and promotes if better. One run for each newest labeled month; a run
    that fails is tried again, at most three times in six hours.
    """
    if run := state.under_way(context.instance, LABELING_JOBS, (WIN_FEATURES.name, CHAMPION.name)):
        return dg.SkipReason(f"Run {run} takes in months, or trains.")
    if refused := not_ours():
        return refused
    months = state.stored_months(context.instance)
    if not months:
        return dg.SkipReason("No month has features yet.")
    learned = state.trained_until(context.instance)
    # Models that learned from other data, as from the sample of before, have learned nothing here.
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
    return _once(context, RETRAINING_TAG, f"labels-{new[-1]}-after-{learned or 'none'}", new)


def _labeled(store: TableStore, months: list[str]) -> list[str]:
    """The stored months whose labels are known, if there are enough of them to train on."""
    from crm_assets.modeling.folds import split_months

    deals = store.read(OPPORTUNITIES.name)
    labeled = stored_labeled_months(months, deals, data_horizon(deals))
    split_months(labeled, get_settings().min_training_months, get_settings().test_months)
    return labeled


def _once(context: dg.SensorEvaluationContext, tag: str, goal: str, months: list[str]) -> Answer:
    """Ask for one run towards a goal: Dagster starts no second run with the same key."""
    failed = state.failures(context.instance, tag, goal)
    if failed >= state.MOST_TRIES:
        return dg.SkipReason(
            f"{goal}: {failed} runs have failed within {state.HOURS} hours; mend what they say and run it by "
            "hand, or wait."
        )
    context.update_cursor(goal)
    return run_over(months, f"{goal}-try-{state.tries(context.instance, tag, goal) + 1}", {tag: goal})


sensors = [champion_changed, labels_arrived]

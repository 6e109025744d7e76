"""The schedule: it processes the month that is over, and months that were missed."""

import dagster as dg

from crm_assets.crm.tables import WIN_FEATURES
from crm_assets.defs.assets.crm import crm_assets
from crm_assets.defs.assets.quality import quality_assets
from crm_assets.defs.assets.raw import raw_assets
from crm_assets.defs.automation import state
from crm_assets.defs.automation.jobs import MONTH, month
from crm_assets.defs.automation.requests import SCHEDULES, run_over
from crm_assets.defs.partitions import monthly, unknown_when_loaded

# By 06:00 UTC a CRM has recorded the last day. A month is over on the first; the schedule has nothing to do
# on other days, unless it missed the first or the run of the first failed.
EVERY_MORNING = "0 6 * * *"
# The tag of a run that says which months it processes.
MONTHS_TAG = "crm/months"

# The assets of a month that need no champion.
WITHOUT_PREDICTIONS = [key for asset in (*raw_assets, *crm_assets, *quality_assets) for key in asset.keys]

Answer = dg.RunRequest | dg.SkipReason


@dg.schedule(
    job=month,
    cron_schedule=EVERY_MORNING,
    execution_timezone="UTC",
    default_status=SCHEDULES,
    description="Every morning at 06:00 UTC: processes months that are over and not stored yet. It trains no "
    "model.",
)
def first_of_month(context: dg.ScheduleEvaluationContext) -> Answer:
    """Process the finished month: raw tables, snapshot, features, checks, predictions.

    The same run catches up on months that were missed, for example in an outage, from the first missing
    month on. If a run fails, the schedule tries again the next morning. If the calendar has an end and all
    of it is stored, the schedule says so and starts no run. The sensor `labels_arrived` retrains. Until
    there is a champion, the sensor `champion_changed` makes the first predictions.
    """
    if unknown_when_loaded:
        return dg.SkipReason(unknown_when_loaded)
    over = list(monthly.get_partition_keys(current_time=context.scheduled_execution_time))
    stored = state.stored_months(context.instance)
    missing = [key for key in over if key not in stored]
    if not missing:
        last = over[-1] if over else "none"
        return dg.SkipReason(f"Nothing new: the last month, {last}, is materialized.")
    if run := state.under_way(context.instance, [MONTH], [WIN_FEATURES.name]):
        return dg.SkipReason(
            f"Run {run} is processing months. The schedule tries {missing[0]} again the next morning."
        )
    assets = None if state.predicted_before(context.instance) else WITHOUT_PREDICTIONS
    goal = f"{missing[0]}...{over[-1]}"
    number = state.tries(context.instance, MONTHS_TAG, goal) + 1
    return run_over([missing[0], over[-1]], f"{goal}-try-{number}", {MONTHS_TAG: goal}, assets)


schedules = [first_of_month]

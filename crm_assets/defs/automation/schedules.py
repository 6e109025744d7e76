"""The schedule: a month that is over is taken in, and months that were missed with it."""

import dagster as dg

from crm_assets.crm.tables import WIN_FEATURES
from crm_assets.defs.assets.crm import crm_assets
from crm_assets.defs.assets.quality import quality_assets
from crm_assets.defs.assets.raw import raw_assets
from crm_assets.defs.automation import state
from crm_assets.defs.automation.jobs import MONTH, month
from crm_assets.defs.automation.requests import SCHEDULES, run_over
from crm_assets.defs.partitions import monthly, unknown_when_loaded

# 06:00 UTC: by then a CRM has written down what the last day brought. On the first a month is over; the other
# days have nothing to do, unless the first was missed or its run has failed.
EVERY_MORNING = "0 6 * * *"
# Says of a run which months it takes in.
MONTHS_TAG = "crm/months"

# What of the month can be made before there is a champion.
WITHOUT_PREDICTIONS = [key for asset in (*raw_assets, *crm_assets, *quality_assets) for key in asset.keys]

Answer = dg.RunRequest | dg.SkipReason


@dg.schedule(job=month, cron_schedule=EVERY_MORNING, execution_timezone="UTC", default_status=SCHEDULES)
def first_of_month(context: dg.ScheduleEvaluationContext) -> Answer:
    """Takes in the finished month: raw tables, snapshot, features, checks, predictions.

    Months that were missed, as in an outage, are caught up by the same run, from the first missing
    one on; a run that fails is tried again the next morning. Where the calendar has an end and all of
    it is stored, it says so and starts nothing. Retraining is the business of `labels_arrived`; while
    there has never been a champion, so are the first predictions of `champion_changed`.
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
        return dg.SkipReason(f"Run {run} takes in months; {missing[0]} is left to the next morning.")
    assets = None if state.predicted_before(context.instance) else WITHOUT_PREDICTIONS
    goal = f"{missing[0]}...{over[-1]}"
    number = state.tries(context.instance, MONTHS_TAG, goal) + 1
    return run_over([missing[0], over[-1]], f"{goal}-try-{number}", {MONTHS_TAG: goal}, assets)


schedules = [first_of_month]

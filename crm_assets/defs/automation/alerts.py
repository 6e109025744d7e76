"""Alerts: messages to a webhook about runs that fail, and about forecasts that need a look."""

import json
from datetime import UTC, datetime

import dagster as dg

from crm_assets.defs.automation import state
from crm_assets.defs.automation.evidence import evidence
from crm_assets.defs.automation.requests import not_ours
from crm_assets.defs.progress import reason
from crm_assets.defs.resources.store import TableStoreResource
from crm_assets.delivery.webhook import post
from crm_assets.errors import SourceUnavailableError
from crm_assets.monitoring.triggers import Reason, cooling
from crm_assets.settings import get_settings

# Minutes between two looks at what monitoring found.
MINUTES = 5
# The message about a failed run, as JSON.
Message = dict[str, str | list[str] | dict[str, str] | None]


def alert(job: str, run_id: str, errors: dict[str, str], link: str | None) -> Message:
    """Return the message about a failed run: a `text` for Slack, and its parts for other readers.

    Args:
        job: the name of the job.
        run_id: Dagster's id of the run.
        errors: what went wrong, by failed step.
        link: where people find the run, or None.
    """
    first = next(iter(errors.values()), "The run ended before a step failed.")
    said = f"{job} failed: {_first_sentence(first)}"
    return {
        "text": f"{said} {link}" if link else f"{said} Run {run_id}.",
        "job": job,
        "run_id": run_id,
        "link": link,
        "failed_steps": list(errors),
        "errors": errors,
    }


@dg.run_failure_sensor(
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="When a run fails: posts what failed, and why, to CRM_ALERT_WEBHOOK.",
)
def run_failed(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
    """Post what failed, where and why to `CRM_ALERT_WEBHOOK`; if the webhook is down, send no alert."""
    import requests

    settings, run = get_settings(), context.dagster_run
    if settings.alert_webhook is None:
        return dg.SkipReason("No alert was sent: CRM_ALERT_WEBHOOK is not set.")
    errors = {str(event.step_key): reason(event) for event in context.get_step_failure_events()}
    if not errors:
        errors = {"run": reason(context.failure_event)}
    try:
        message = alert(run.job_name, run.run_id, errors, settings.run_page(run.run_id))
        post(settings.alert_webhook.get_secret_value(), message)
    except requests.RequestException as error:
        # The address is a secret, so the text leaves it out.
        return dg.SkipReason(
            f"No alert was sent for run {run.run_id}: the webhook request failed ({type(error).__name__})."
        )
    return None


@dg.sensor(
    minimum_interval_seconds=MINUTES * 60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="When monitoring raises an alarm, months go badly or the champion is too old: posts the "
    "evidence to CRM_ALERT_WEBHOOK, and not again within CRM_COOL_DOWN_DAYS.",
)
def forecast_needs_a_look(context: dg.SensorEvaluationContext, tables: TableStoreResource) -> dg.SkipReason:
    """Post what monitoring found to `CRM_ALERT_WEBHOOK`, once per kind and pause.

    The cursor holds when each kind was last told. A new month of the same kind waits for the pause, too. If
    the webhook is down, the next tick tries again.
    """
    import requests

    settings, now = get_settings(), datetime.now(UTC)
    if settings.alert_webhook is None:
        return dg.SkipReason("No alert was sent: CRM_ALERT_WEBHOOK is not set.")
    if refused := not_ours():
        return refused
    months = state.stored_months(context.instance)
    if not months:
        return dg.SkipReason("No month has features yet.")
    told: dict[str, str] = json.loads(context.cursor or "{}")
    try:
        found = evidence(tables.store, months[-1])
    except SourceUnavailableError as error:
        return dg.SkipReason(str(error))
    fresh = [one for one in found if not _told_lately(told, one, now, settings.cool_down_days)]
    if not fresh:
        return dg.SkipReason(
            "Nothing to tell." if not found else "All of it was told: the pause is not over."
        )
    text = " ".join(one.said for one in fresh)
    message: Message = {
        "text": f"The forecast needs a look. {text}",
        "kinds": [one.kind for one in fresh],
        "months": sorted({one.month for one in fresh}),
    }
    try:
        post(settings.alert_webhook.get_secret_value(), message)
    except requests.RequestException as error:
        # The address is a secret, so the text leaves it out.
        return dg.SkipReason(f"No alert was sent: the webhook request failed ({type(error).__name__}).")
    context.update_cursor(json.dumps(told | {one.kind: now.isoformat() for one in fresh}, sort_keys=True))
    return dg.SkipReason(f"An alert was sent. {text}")


def _told_lately(told: dict[str, str], reason: Reason, now: datetime, days: int) -> bool:
    last = told.get(reason.kind)
    return last is not None and cooling(datetime.fromisoformat(last), now, days) is not None


def _first_sentence(text: str) -> str:
    sentence = text.strip().splitlines()[0].split(". ")[0]
    return sentence if sentence.endswith(".") else f"{sentence}."


# Without an address, there are no sensors.
alerts = [run_failed, forecast_needs_a_look] if get_settings().alert_webhook else []

"""Failure alerts: one message to a webhook for each run that fails."""

import dagster as dg

from crm_assets.defs.progress import reason
from crm_assets.delivery.webhook import post
from crm_assets.settings import get_settings

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


def _first_sentence(text: str) -> str:
    sentence = text.strip().splitlines()[0].split(". ")[0]
    return sentence if sentence.endswith(".") else f"{sentence}."


# Without an address, there is no sensor.
alerts = [run_failed] if get_settings().alert_webhook else []

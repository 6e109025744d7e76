"""The digest of managers, once a week."""

import dagster as dg

from crm_assets.defs.automation.requests import SCHEDULES
from crm_assets.defs.resources.store import TableStoreResource
from crm_assets.defs.told import told
from crm_assets.settings import get_settings

MONDAY = "0 7 * * 1"


@dg.op(description="Sends the digest of the newest month to the webhook and by mail.")
@told
def send_digests(context: dg.OpExecutionContext, tables: TableStoreResource) -> None:
    """Send all digests, and log each."""
    from crm_assets.delivery.rounds import send_all
    from crm_assets.insight.reading import Reader

    for line in send_all(Reader(tables.store), get_settings()):
        context.log.info(line)


@dg.job(description="Sends each manager what to expect, what changed, and what is at risk.")
def digest() -> None:
    """Send the digests."""
    send_digests()


monday_digest = dg.ScheduleDefinition(
    name="monday_digest",
    job=digest,
    cron_schedule=MONDAY,
    execution_timezone="UTC",
    default_status=SCHEDULES,
    description="Every Monday at 07:00 UTC: sends each manager what to expect, what changed, and what is at "
    "risk.",
)

# Without an address, there is no digest.
_ADDRESSES = (get_settings().digest_webhook, get_settings().digest_smtp)
digest_schedules = [monday_digest] if any(_ADDRESSES) else []
digest_jobs = [digest] if any(_ADDRESSES) else []

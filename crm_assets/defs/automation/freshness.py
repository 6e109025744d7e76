"""When an asset is stale: a finished month was not processed in time.

We use Dagster's freshness policies, which supersede its freshness checks.
"""

from __future__ import annotations

from datetime import timedelta

import dagster as dg

from crm_assets.settings import OPEN_END, get_settings

# A month is processed on the first of the next month, and is late on the morning of the second.
DEADLINE, SINCE_THE_FIRST = "0 6 2 * *", timedelta(hours=30)


def monthly_freshness() -> dg.FreshnessPolicy | None:
    """Return the policy of every asset; None if the calendar has an end, since no more months come."""
    if get_settings().last_month != OPEN_END:
        return None
    return dg.FreshnessPolicy.cron(DEADLINE, SINCE_THE_FIRST, timezone="UTC")

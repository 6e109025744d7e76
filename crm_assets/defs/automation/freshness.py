"""When an asset is stale: a month after a month that is over has not been taken in.

Dagster's freshness policies, since its freshness checks are superseded by them.
"""

from __future__ import annotations

from datetime import timedelta

import dagster as dg

from crm_assets.settings import OPEN_END, get_settings

# Taken in on the first of the month, by the morning of the second.
DEADLINE, SINCE_THE_FIRST = "0 6 2 * *", timedelta(hours=30)


def monthly_freshness() -> dg.FreshnessPolicy | None:
    """The policy of every asset; none where the calendar has an end, since nothing is awaited there."""
    if get_settings().last_month != OPEN_END:
        return None
    return dg.FreshnessPolicy.cron(DEADLINE, SINCE_THE_FIRST, timezone="UTC")

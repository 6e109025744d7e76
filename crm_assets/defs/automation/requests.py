"""How automation requests runs, and the one switch that turns it on."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from crm_assets.defs.partitions import RANGE_TAGS
from crm_assets.errors import HomeError
from crm_assets.settings import get_settings
from crm_assets.storage.choice import open_store

ON = get_settings().automation
SENSORS = dg.DefaultSensorStatus.RUNNING if ON else dg.DefaultSensorStatus.STOPPED
MONITORS = SENSORS if get_settings().monitoring else dg.DefaultSensorStatus.STOPPED
SCHEDULES = dg.DefaultScheduleStatus.RUNNING if ON else dg.DefaultScheduleStatus.STOPPED


def not_ours() -> dg.SkipReason | None:
    """Return why a sensor must skip if the home holds another source's tables; None if it does not."""
    try:
        open_store(get_settings()).check()
    except HomeError as error:
        return dg.SkipReason(str(error))
    return None


def run_over(
    months: Sequence[str],
    run_key: str,
    tags: dict[str, str] | None = None,
    assets: Sequence[dg.AssetKey] | None = None,
) -> dg.RunRequest:
    """Return a request for one run over the months from the first to the last of `months`.

    Args:
        months: `YYYY-MM`, in order.
        run_key: Dagster starts no second run with the same key.
        tags: tags for the run.
        assets: the assets of the job to run; None for all.
    """
    first, last = months[0], months[-1]
    # The sensor or schedule retries; a retry by Dagster as well would start a second run.
    tags = {"dagster/max_retries": "0"} | (tags or {})
    if first == last:
        return dg.RunRequest(run_key, tags=tags, partition_key=first, asset_selection=assets)
    covered = dict(zip(RANGE_TAGS, (first, last), strict=True))
    return dg.RunRequest(run_key, tags=covered | tags, asset_selection=assets)

"""All asset checks of the graph."""

from crm_assets.defs.checks import crm, features, predictions, raw, snapshots
from crm_assets.defs.checks.asset_checks import quality_checks
from crm_assets.defs.checks.models import model_checks
from crm_assets.defs.partitions import last_month

asset_checks = [
    *(quality_checks(suite) for suite in raw.SUITES),
    quality_checks(crm.DEALS, crm.newest_event(last_month)),
    quality_checks(*snapshots.SUITES, by_month=True),
    quality_checks(*features.MONTHLY_SUITES, by_month=True),
    quality_checks(features.TRAINING),
    quality_checks(*predictions.SUITES, by_month=True),
    *model_checks,
]

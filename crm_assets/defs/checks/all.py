"""All asset checks of the graph, and the asset that they produce."""

from crm_assets.defs.checks import crm, features, predictions, raw, snapshots
from crm_assets.defs.checks.asset_checks import quality_checks
from crm_assets.defs.checks.models import model_checks
from crm_assets.defs.checks.newest_dump import dump_is_the_newest
from crm_assets.defs.checks.scores import quality_scores
from crm_assets.defs.checks.tripwire import scores_have_not_collapsed
from crm_assets.defs.partitions import last_month

gates = [
    *(quality_checks(suite) for suite in raw.SUITES),
    quality_checks(crm.DEALS, crm.newest_event(last_month)),
    quality_checks(*snapshots.SUITES, by_month=True),
    quality_checks(*features.MONTHLY_SUITES, by_month=True),
    quality_checks(features.DEAL_FEATURES, by_month=True),
    quality_checks(features.TRAINING),
    quality_checks(*predictions.SUITES, by_month=True),
]

asset_checks = [*gates, dump_is_the_newest, *model_checks, scores_have_not_collapsed]

judged = dict.fromkeys(key.asset_key.to_user_string() for gate in gates for key in gate.check_keys)
score_assets = [quality_scores(list(judged))]

"""Asset checks of the model room."""

import dagster as dg
import pandas as pd

from crm_assets.assets.models import leak_audit
from crm_assets.assets.options import table
from crm_assets.modeling.verdicts import INADMISSIBLE


@dg.asset_check(asset=leak_audit, description="No feature knows the outcome in a way no date explains.")
def features_are_admissible(leak_audit: pd.DataFrame) -> dg.AssetCheckResult:
    """Warns of inadmissible features, with reasons; fails where settings use one all the same."""
    guilty = leak_audit[leak_audit["verdict"] == INADMISSIBLE]
    used = guilty[guilty["used"]]
    return dg.AssetCheckResult(
        passed=guilty.empty,
        severity=dg.AssetCheckSeverity.ERROR if len(used) else dg.AssetCheckSeverity.WARN,
        description=_sentence(len(guilty), len(used)),
        metadata={"inadmissible": table(guilty[["feature", "used", "reason"]])},
    )


def _sentence(guilty: int, used: int) -> str:
    if not guilty:
        return "All features are admissible."
    if used:
        return f"{guilty} features are inadmissible, and {used} of them are used: CRM_ADMIT_FEATURES says so."
    return f"{guilty} features are inadmissible; the models do without them."


model_checks = [features_are_admissible]

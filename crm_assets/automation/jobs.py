"""Jobs: what a person or a schedule starts by name."""

from __future__ import annotations

import dagster as dg

EVERYTHING = "monthly_win_probability"
CHECKS = "data_quality_checks"

everything = dg.define_asset_job(
    EVERYTHING,
    selection=dg.AssetSelection.all(),
    description="The whole graph: raw tables to predictions, for one month or a range of months.",
)
checks = dg.define_asset_job(
    CHECKS,
    selection=dg.AssetSelection.all_asset_checks(),
    description="All asset checks, on what is stored.",
)

jobs = [everything, checks]

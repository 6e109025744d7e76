"""Jobs: what a person, a schedule or a sensor starts by name."""

from __future__ import annotations

import dagster as dg

from crm_assets.crm.tables import REVENUE_FORECAST, WIN_FEATURES, WIN_PREDICTIONS
from crm_assets.defs.partitions import source, unknown_when_loaded

EVERYTHING = "monthly_win_probability"
MONTH = "finished_month"
RETRAINING = "retraining"
REFRESH = "prediction_refresh"
CHECKS = "data_quality_checks"

MODELS = dg.AssetSelection.groups("models")
PREDICTIONS = dg.AssetSelection.assets(WIN_PREDICTIONS.name, REVENUE_FORECAST.name)

# The jobs that make features or train, and those that write predictions: what a sensor waits for.
LABELING_JOBS = (EVERYTHING, MONTH, RETRAINING)
PREDICTING_JOBS = (EVERYTHING, MONTH, REFRESH)

# Of runs with this tag `dagster.yaml` lets one run at a time. The pools of the assets say the same, also of
# runs by hand, but not yet in the first moment of a new instance, which does not know them then.
TRAINS = {"crm/trains": "yes"}

everything = dg.define_asset_job(
    EVERYTHING,
    selection=dg.AssetSelection.all(),
    tags=TRAINS,
    description="The whole graph: raw tables to predictions, for one month or a range of months. "
    f"Source in force: {source().description}. {unknown_when_loaded or ''}".strip(),
)
month = dg.define_asset_job(
    MONTH,
    selection=dg.AssetSelection.all() - MODELS,
    description="A month that is over: raw tables, snapshot, features, checks, predictions. Trains nothing.",
)
retraining = dg.define_asset_job(
    RETRAINING,
    selection=dg.AssetSelection.assets(WIN_FEATURES.name) | MODELS,
    tags=TRAINS,
    description="Labels of the months of the run, then all models, and promotion of the champion if better.",
)
refresh = dg.define_asset_job(
    REFRESH,
    selection=PREDICTIONS,
    description="Predictions and forecast of a month, by the champion of the registry.",
)
checks = dg.define_asset_job(
    CHECKS,
    selection=dg.AssetSelection.all_asset_checks(),
    description="All asset checks, on what is stored.",
)

jobs = [everything, month, retraining, refresh, checks]

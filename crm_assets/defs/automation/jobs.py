"""The jobs that a person, a schedule or a sensor starts by name."""

from __future__ import annotations

import dagster as dg

from crm_assets.crm.tables import DEAL_FEATURES_TABLE, REVENUE_FORECAST, WIN_FEATURES, WIN_PREDICTIONS
from crm_assets.defs.partitions import source, unknown_when_loaded

EVERYTHING = "monthly_win_probability"
MONTH = "finished_month"
RETRAINING = "retraining"
REFRESH = "prediction_refresh"
MONITORING = "monitoring"
CHECKS = "data_quality_checks"
TUNING = "tuning"

MODELS = dg.AssetSelection.groups("models")
# They take long, and their result holds for months: a person starts them.
SEARCHES = dg.AssetSelection.groups("tuning")
PREDICTIONS = dg.AssetSelection.assets(WIN_PREDICTIONS.name, REVENUE_FORECAST.name)
# What looks back at predictions runs after them, so that nobody waits for it.
MONITORED = dg.AssetSelection.groups("monitoring")
# Only there if settings name a CRM to write back to.
WRITE_BACKS = dg.AssetSelection.groups("write_back")

# Sensors wait for the jobs that make features or train, and for those that write predictions.
LABELING_JOBS = (EVERYTHING, MONTH, RETRAINING)
PREDICTING_JOBS = (EVERYTHING, MONTH, REFRESH)

# `dagster.yaml` allows one run with this tag at a time. The pools of the assets do the same, for runs by hand
# too, but a new instance does not know the pools in its first moment.
TRAINS = {"crm/trains": "yes"}

everything = dg.define_asset_job(
    EVERYTHING,
    selection=dg.AssetSelection.all() - SEARCHES - MONITORED,
    tags=TRAINS,
    description="Runs the whole graph, from raw tables to predictions, for one month or a range of months. "
    f"Source in force: {source().description}. {unknown_when_loaded or ''}".strip(),
)
month = dg.define_asset_job(
    MONTH,
    selection=dg.AssetSelection.all() - MODELS - SEARCHES - MONITORED,
    description="Processes a finished month: raw tables, snapshot, features, checks, predictions. It trains "
    "no model.",
)
retraining = dg.define_asset_job(
    RETRAINING,
    selection=dg.AssetSelection.assets(WIN_FEATURES.name, DEAL_FEATURES_TABLE.name) | MODELS,
    tags=TRAINS,
    description="Adds the labels of the run's months, trains all models, and promotes the best if it beats "
    "the champion.",
)
refresh = dg.define_asset_job(
    REFRESH,
    selection=PREDICTIONS | WRITE_BACKS,
    description="Predicts and forecasts a month with the champion of the registry.",
)
monitoring = dg.define_asset_job(
    MONITORING,
    selection=MONITORED,
    description="Holds what was said about the run's months against what came, and says how good the newest "
    "predictions will turn out.",
)
checks = dg.define_asset_job(
    CHECKS,
    selection=dg.AssetSelection.all_asset_checks(),
    description="Runs all asset checks on the stored tables.",
)
searches = dg.define_asset_job(
    TUNING,
    selection=SEARCHES,
    description="Searches better parameters of all algorithms on the stored training set, under one budget "
    "(CRM_TUNE_TRIALS, CRM_TUNE_SECONDS). The next training uses those that are adopted.",
)

jobs = [everything, month, retraining, refresh, monitoring, checks, searches]

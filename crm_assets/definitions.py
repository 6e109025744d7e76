"""The one Definitions object: the table of contents of the graph."""

from __future__ import annotations

import dagster as dg

from crm_assets.assets.crm import crm_assets
from crm_assets.assets.models import training_assets
from crm_assets.assets.predictions import prediction_assets
from crm_assets.assets.quality import quality_assets
from crm_assets.assets.raw import raw_assets
from crm_assets.automation.alerts import alerts
from crm_assets.automation.jobs import jobs
from crm_assets.automation.schedules import schedules
from crm_assets.automation.sensors import sensors
from crm_assets.checks.all import asset_checks
from crm_assets.console.progress import LOGGER, progress_logger
from crm_assets.registry.resource import mlflow_resource
from crm_assets.settings import get_settings
from crm_assets.storage.io_manager import TableIOManager

# Step processes each import everything again: below some hundred thousand deals they cost more than the work.
EXECUTORS = {"in_process": dg.in_process_executor, "multiprocess": dg.multiprocess_executor}

defs = dg.Definitions(
    assets=[*raw_assets, *crm_assets, *training_assets, *prediction_assets, *quality_assets],
    asset_checks=asset_checks,
    jobs=jobs,
    schedules=schedules,
    sensors=[*sensors, *alerts],
    resources={
        "io_manager": TableIOManager(),
        "mlflow": mlflow_resource,
    },
    loggers={"console": dg.colored_console_logger, LOGGER: progress_logger},
    executor=EXECUTORS[get_settings().executor],
)

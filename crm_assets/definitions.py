"""The one Definitions object: the table of contents of the graph."""

from __future__ import annotations

import dagster as dg

from crm_assets.assets.crm import crm_assets
from crm_assets.assets.models import training_assets
from crm_assets.assets.predictions import prediction_assets
from crm_assets.assets.quality import quality_assets
from crm_assets.assets.raw import raw_assets
from crm_assets.automation.jobs import jobs
from crm_assets.checks.all import asset_checks
from crm_assets.console.progress import LOGGER, progress_logger
from crm_assets.registry.resource import mlflow_resource
from crm_assets.settings import get_settings
from crm_assets.storage.io_manager import TableIOManager

defs = dg.Definitions(
    assets=[*raw_assets, *crm_assets, *training_assets, *prediction_assets, *quality_assets],
    asset_checks=asset_checks,
    jobs=jobs,
    resources={
        "io_manager": TableIOManager(
            base=str(get_settings().tables_dir),
            engine_memory=get_settings().engine_memory,
            engine=get_settings().engine,
            scratch=str(get_settings().scratch_dir),
        ),
        "mlflow": mlflow_resource,
    },
    loggers={"console": dg.colored_console_logger, LOGGER: progress_logger},
    # Step processes each import everything again: at laptop size they cost more than the work.
    executor=dg.in_process_executor,
)

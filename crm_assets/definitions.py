"""The only Definitions object: the table of contents of the graph."""

from __future__ import annotations

import dagster as dg

from crm_assets.defs.assets.crm import crm_assets
from crm_assets.defs.assets.drift import drift_assets
from crm_assets.defs.assets.history import history_assets
from crm_assets.defs.assets.models import training_assets
from crm_assets.defs.assets.monitoring import monitoring_assets
from crm_assets.defs.assets.predictions import prediction_assets
from crm_assets.defs.assets.quality import quality_assets
from crm_assets.defs.assets.raw import raw_assets
from crm_assets.defs.assets.tuning import tuning_assets, tuning_worker
from crm_assets.defs.assets.write_back import write_back_assets
from crm_assets.defs.automation.alerts import alerts
from crm_assets.defs.automation.digests import digest_jobs, digest_schedules
from crm_assets.defs.automation.jobs import CHECKS, EVERYTHING, MONITORING, TUNING, jobs
from crm_assets.defs.automation.schedules import schedules
from crm_assets.defs.automation.sensors import sensors
from crm_assets.defs.checks.all import asset_checks, score_assets
from crm_assets.defs.code_references import with_code_references
from crm_assets.defs.progress import LOGGER, progress_logger
from crm_assets.defs.resources.all import run_resources
from crm_assets.settings import get_settings

# Each step process imports everything again: below some 100,000 deals, that takes longer than the work.
EXECUTORS = {"in_process": dg.in_process_executor, "multiprocess": dg.multiprocess_executor}

defs = dg.Definitions(
    assets=with_code_references(
        [
            *raw_assets,
            *history_assets,
            *crm_assets,
            *training_assets,
            *tuning_assets,
            *prediction_assets,
            *drift_assets,
            *monitoring_assets,
            *quality_assets,
            *score_assets,
            *write_back_assets,
        ]
    ),
    asset_checks=asset_checks,
    jobs=[*jobs, *digest_jobs, tuning_worker],
    schedules=[*schedules, *digest_schedules],
    sensors=[*sensors, *alerts],
    resources=run_resources(),
    loggers={"console": dg.colored_console_logger, LOGGER: progress_logger},
    executor=EXECUTORS[get_settings().executor],
)


def everything() -> dg.JobDefinition:
    """Return the job of the whole graph; Dagster finds the job again through this function."""
    return defs.resolve_job_def(EVERYTHING)


def monitoring() -> dg.JobDefinition:
    """Return the job that looks back at predictions, as `everything` does."""
    return defs.resolve_job_def(MONITORING)


def all_checks() -> dg.JobDefinition:
    """Return the job of all asset checks, as `everything` does."""
    return defs.resolve_job_def(CHECKS)


def tuning() -> dg.JobDefinition:
    """Return the job of all searches, as `everything` does."""
    return defs.resolve_job_def(TUNING)

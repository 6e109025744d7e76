"""Fixtures for tests of runs on the stack: the running stack, and the local run to compare with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from crm_assets.sources.csv_folder import CsvFolder
from crm_assets.sources.sample import SyntheticSample
from crm_assets_tests.conftest import REAL_DUMP
from crm_assets_tests.stack.deployed import Deployed
from dev.place import Place
from dev.stack.stack import Stack


@pytest.fixture(scope="session")
def local_run(request: pytest.FixtureRequest) -> tuple[Place, str]:
    """Return a finished run without servers, on the same data as the stack."""
    return request.getfixturevalue("real_run" if os.environ.get(REAL_DUMP) else "sample_run")


@pytest.fixture(scope="session")
def deployed(stack: Stack) -> Deployed:
    """Return the running stack, with the months of its data."""
    settings = stack.place.settings
    if "CRM_DATA_DIR" in settings:
        months = CsvFolder(Path(settings["CRM_DATA_DIR"]), "test").month_range()
    else:
        months = SyntheticSample(int(settings["CRM_SAMPLE_OPPORTUNITIES"]), seed=7).month_range()
    return Deployed(stack, months.first, months.last)


@pytest.fixture(scope="session")
def finished(deployed: Deployed) -> dict[str, bytes]:
    """Run everything through the queue, and return the bucket's content."""
    assert deployed.status(deployed.submit()) == "SUCCESS"
    return deployed.contents()

"""What a source reads from the small dump, for tests that compare with it."""

from __future__ import annotations

import pyarrow as pa
import pytest

from crm_assets.crm.schema import RAW_TABLES
from crm_assets.sources.csv_folder import CsvFolder
from crm_assets.sources.sample import SyntheticSample
from crm_assets_tests.chain import write_dump


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pa.Table]:
    """Return the raw tables of the small dump as it is written."""
    folder = write_dump(tmp_path_factory.mktemp("clean") / "dump", SyntheticSample(900, seed=1))
    return {name: taken.rows for name, taken in CsvFolder(folder, "test").take(*RAW_TABLES).items()}

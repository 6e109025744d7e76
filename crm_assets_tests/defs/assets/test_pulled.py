"""With `CRM_PULL`, assets of dagster-dlt bring the CRM's files before raw tables are read and archived."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import dagster as dg
import pytest

from crm_assets.sources.pull.api import names
from crm_assets_tests.sources.pull.interfaces import DEALS, INTERFACES, served
from dev.here import loaded_anew

SALESFORCE = INTERFACES["salesforce"]


def materialized(tmp_path: Path, address: str, **credentials: str) -> tuple[list[str], list[int], list[str]]:
    """Return the assets that are made, the rows of the archived tables, and why steps failed."""
    settings = {
        "CRM_PULL": "salesforce",
        "CRM_HOME": str(tmp_path / "home"),
        "SALESFORCE_INSTANCE_URL": address,
    }
    # Settings decide which assets there are.
    with loaded_anew({**os.environ, **SALESFORCE.credentials, **settings, **credentials}):
        assets = importlib.import_module("crm_assets.defs.assets.raw").raw_assets
        resources = importlib.import_module("crm_assets.definitions").defs.resources
        with dg.DagsterInstance.ephemeral() as instance:
            done = dg.materialize(assets, instance=instance, resources=resources, raise_on_error=False)
    keys = [event.asset_key for event in done.get_asset_materialization_events()]
    made = [key.to_user_string() for key in keys if key]
    failed = [event.step_failure_data for event in done.get_step_failure_events()]
    counts = done.asset_value("raw_archive")["rows"].to_list() if done.success else []
    return made, counts, [str(one.error.cause) for one in failed if one.error]


def test_a_pull_lands_in_the_raw_tables_and_in_the_archive_and_a_refused_one_changes_nothing(
    tmp_path: Path,
) -> None:
    pytest.importorskip("dagster_dlt")
    with served(SALESFORCE) as address:
        made, archived, failed = materialized(tmp_path, address)
        assert failed == []
        assert set(made) >= {f"salesforce/{name}" for name in names("salesforce")}
        assert made.index("salesforce/Opportunity") < made.index("raw_sales_pipeline")
        assert made[-1] == "raw_archive"
        assert DEALS in archived
        deals = tmp_path / "home" / "pulled" / "salesforce" / "Opportunity.csv"
        before = deals.read_bytes()
        assert b"_dlt" not in before
        made, _, failed = materialized(tmp_path, address, SALESFORCE_CLIENT_ID="wrong-1")
    assert made == []
    assert "salesforce refuses the credentials (400): check SALESFORCE_CLIENT_ID" in failed[0]
    assert "wrong-1" not in failed[0]
    assert deals.read_bytes() == before

"""The facts of a materialization: tables, column lineage, and a version that follows the bytes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import dagster as dg
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from crm_assets.crm.tuning_table import PREFIX
from crm_assets.defs.metadata import Fact
from dev.place import MODULE, Place

MONTH, MONTHS = "2023-05", "2022-10...2023-12"
MONTHLY = ("monthly_snapshots", "win_features", "win_predictions", "revenue_forecast")
NODE = "{ assetKey { path } staleStatus%s }"
STALE = f"""{{
    all: assetNodes {NODE % ""}
    months: assetNodes(assetKeys: [{", ".join(f'{{path: ["{name}"]}}' for name in MONTHLY)}])
        {NODE % f'(partition: "{MONTH}")'}
}}"""


def made_from(there: Place, asset: str, month: str | None = None) -> dict[str, set[str]]:
    """Return the columns that each column of an asset is made from, as `asset.column`."""
    value = there.metadata(asset, month)[Fact.COLUMN_LINEAGE].value
    assert isinstance(value, dg.TableColumnLineage)
    return {
        column: {f"{dep.asset_key.to_user_string()}.{dep.column_name}" for dep in deps}
        for column, deps in value.deps_by_column.items()
    }


def stale(there: Place) -> dict[str, str]:
    """Return the assets, and months of assets, that the UI does not show as fresh, but for searches.

    Nobody has run those.
    """
    done = there.run("dagster-graphql", *MODULE, "--text", STALE)
    assert done.returncode == 0, done.stderr
    # The server of the code location prints lines before and after the answer.
    answer = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))["data"]
    return {
        node["assetKey"]["path"][0]: node["staleStatus"]
        for node in answer["all"] + answer["months"]
        if node["staleStatus"] != "FRESH" and not node["assetKey"]["path"][0].startswith(PREFIX)
    }


def test_a_run_of_the_console_belongs_to_its_job_and_code_location(sample_run: tuple[Place, str]) -> None:
    there, _ = sample_run
    with dg.DagsterInstance.from_config(str(there.folder / "dagster")) as instance:
        first = instance.get_runs(ascending=True, limit=1)[0]
    assert first.remote_job_origin is not None
    assert first.remote_job_origin.job_name == first.job_name == "monthly_win_probability"
    # The UI's timeline and the job's history look for these two.
    label = first.remote_job_origin.repository_origin.get_label()
    assert label == first.tags[".dagster/repository"] == "__repository__@crm_assets.definitions"


def test_each_column_says_what_it_is_made_from(sample_run: tuple[Place, str]) -> None:
    there, _ = sample_run
    deals = made_from(there, "opportunities")
    stage = "raw_sales_pipeline.deal_stage"
    assert deals["close_value"] == {"raw_sales_pipeline.close_value", stage}
    # Which price a deal has depends on its product as well.
    assert deals["list_price"] == {
        "raw_products.sales_price",
        "raw_products.product",
        "raw_sales_pipeline.product",
    }
    assert deals["stage"] == {"raw_sales_pipeline.deal_stage"}
    snapshot = made_from(there, "monthly_snapshots", MONTH)
    dated_by = {"opportunities.close_date", "opportunities.created_date"}
    assert snapshot["close_value"] == {"opportunities.close_value"} | dated_by
    features = made_from(there, "win_features", MONTH)
    rate = {f"monthly_snapshots.{name}" for name in ("sales_agent", "snapshot_month", "stage", "close_date")}
    assert features["agent_win_rate"] == rate
    days = {"monthly_snapshots.engage_date", "monthly_snapshots.snapshot_month"}
    assert features["days_open"] == days
    assert any(column.startswith("opportunities.") for column in features["won_next_month"])


@pytest.mark.parametrize(
    ("asset", "month", "fact"),
    [
        ("leak_audit", None, Fact.VERDICTS),
        ("champion", None, Fact.LEADERBOARD),
        ("champion", None, Fact.TEST_MONTHS),
        ("xgboost", None, Fact.VALIDATION_MONTHS),
        ("win_features", MONTH, Fact.PREVIEW),
        ("quality_scores", "win_features", Fact.SCORES),
        ("data_quality", None, Fact.SCORES),
    ],
)
def test_tables_are_shown_as_tables(
    sample_run: tuple[Place, str], asset: str, month: str | None, fact: str
) -> None:
    there, _ = sample_run
    shown = there.metadata(asset, month)[fact]
    assert isinstance(shown, dg.TableMetadataValue)
    assert len(shown.records) > 0


def test_the_same_bytes_are_the_same_version_and_other_bytes_are_another(
    sample_run: tuple[Place, str], tmp_path: Path
) -> None:
    finished, _ = sample_run
    shutil.copytree(finished.folder, tmp_path / "there")
    there = Place(tmp_path / "there", finished.settings)
    chosen = "raw_accounts,monthly_snapshots,win_features"
    again = there.dagster("asset", "materialize", *MODULE, "--select", chosen, "--partition-range", MONTHS)
    assert again.returncode == 0, again.stderr
    assert stale(there) == {}
    # Somebody changes what a company is worth.
    accounts = there.tables / "raw_accounts.parquet"
    table = pq.read_table(accounts)
    revenue = table.schema.get_field_index("revenue")
    doubled = pc.multiply(table["revenue"], 2.0)
    pq.write_table(table.set_column(revenue, table.schema.field("revenue"), doubled), accounts)
    other = there.dagster("asset", "materialize", *MODULE, "--select", "opportunities")
    assert other.returncode == 0, other.stderr
    now = stale(there)
    assert now.keys() >= {"monthly_snapshots", "win_features", "training_set", "leak_audit"}
    assert not now.keys() & {"opportunities", "raw_accounts", "champion", "win_predictions"}

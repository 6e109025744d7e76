"""The facts of a materialization: tables, column lineage, and a version that follows the bytes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import dagster as dg
import pytest

from crm_assets.defs.metadata import Fact
from dev.place import MODULE, Place

MONTH, MONTHS = "2023-05", "2022-10...2023-12"
STALE = "{ assetNodes { assetKey { path } staleStatus(partition: %s) } }"


def made_from(there: Place, asset: str, month: str | None = None) -> dict[str, set[str]]:
    """Return the columns that each column of an asset is made from, as `asset.column`."""
    value = there.metadata(asset, month)[Fact.COLUMN_LINEAGE].value
    assert isinstance(value, dg.TableColumnLineage)
    return {
        column: {f"{dep.asset_key.to_user_string()}.{dep.column_name}" for dep in deps}
        for column, deps in value.deps_by_column.items()
    }


def stale(there: Place) -> dict[str, str]:
    """Return the assets, and months of assets, that the UI does not show as fresh."""
    found = {}
    for partition in ("null", f'"{MONTH}"'):
        done = there.run("dagster-graphql", *MODULE, "--text", STALE % partition)
        assert done.returncode == 0, done.stderr
        # The server of the code location prints lines before and after the answer.
        answer = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
        found |= {
            node["assetKey"]["path"][0]: node["staleStatus"]
            for node in answer["data"]["assetNodes"]
            if node["staleStatus"] not in ("FRESH", None)
        }
    return found


def test_each_column_says_what_it_is_made_from(sample_run: tuple[Place, str]) -> None:
    there, _ = sample_run
    deals = made_from(there, "opportunities")
    assert deals["list_price"] == {"raw_products.sales_price"}
    assert deals["manager"] == {"raw_sales_teams.manager"}
    assert deals["stage"] == {"raw_sales_pipeline.deal_stage"}
    snapshot = made_from(there, "monthly_snapshots", MONTH)
    assert snapshot["close_value"] == {"opportunities.close_value", "opportunities.close_date"}
    features = made_from(there, "win_features", MONTH)
    assert features["agent_win_rate"] == {"monthly_snapshots.sales_agent", "monthly_snapshots.stage"}
    assert features["days_open"] == {"monthly_snapshots.engage_date"}
    assert features["won_next_month"] == {"opportunities.stage", "opportunities.close_date"}


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
    other = there.dagster("asset", "materialize", *MODULE, "--select", "raw_accounts", CRM_SAMPLE_SEED="8")
    assert other.returncode == 0, other.stderr
    assert stale(there) == {"opportunities": "STALE", "data_quality": "STALE"}

"""The `dagster` CLI on a finished run: single assets, months, checks, and gates that stop."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dev.place import MODULE, Place

MONTHLY = ("monthly_snapshots", "win_features", "win_predictions", "revenue_forecast")


def test_a_month_alone_equals_the_same_month_of_a_full_backfill(
    sample_run: tuple[Place, str], tmp_path: Path
) -> None:
    there, _ = sample_run
    copy = there.copy(tmp_path / "copy")
    for name in MONTHLY:
        (copy.tables / name / "2023-06.parquet").unlink()
    done = copy.dagster(
        "asset", "materialize", *MODULE, "--select", ",".join(MONTHLY), "--partition", "2023-06"
    )
    assert done.returncode == 0, done.stderr
    before, now = there.contents(), copy.contents()
    assert {name: now[name] for name in before if "/2023-06" in name} == {
        name: content for name, content in before.items() if "/2023-06" in name
    }


def test_the_cli_materializes_one_asset_and_a_range_of_months(sample_run: tuple[Place, str]) -> None:
    there, _ = sample_run
    before = there.contents()
    one = there.dagster("asset", "materialize", *MODULE, "--select", "raw_accounts")
    some = there.dagster(
        "asset", "materialize", *MODULE, "--select", "win_features", "--partition-range", "2023-06...2023-08"
    )
    assert (one.returncode, some.returncode) == (0, 0), one.stderr + some.stderr
    assert there.contents() == before


def test_the_cli_executes_the_checks_and_validates_the_definitions(sample_run: tuple[Place, str]) -> None:
    there, _ = sample_run
    checks = there.dagster("job", "execute", *MODULE, "--job", "data_quality_checks")
    valid = there.dagster("definitions", "validate", *MODULE)
    assert checks.returncode == 0, checks.stderr
    assert valid.returncode == 0, valid.stderr


def test_a_failing_gate_stops_what_is_downstream_and_nothing_else(
    sample_run: tuple[Place, str], tmp_path: Path
) -> None:
    there, _ = sample_run
    copy = there.copy(tmp_path / "copy")
    deals = copy.tables / "opportunities.parquet"
    table = pq.read_table(deals)
    # Somebody wrote into the store, and no gate has judged it.
    pq.write_table(pa.concat_tables([table, table.slice(0, 3)]), deals)
    before = copy.contents()
    chosen = "raw_accounts,monthly_snapshots,win_features"
    done = copy.dagster("asset", "materialize", *MODULE, "--select", chosen, "--partition", "2023-06")
    assert done.returncode != 0
    assert "snapshot_month_and_opportunity_id_unique: " in done.stderr + done.stdout
    assert copy.materialized("raw_accounts")
    assert copy.materialized("monthly_snapshots", "2023-06")
    assert not copy.materialized("win_features", "2023-06")
    now = copy.contents()
    features = {name for name in before if name.startswith("win_features")}
    assert {name: now[name] for name in features} == {name: before[name] for name in features}


def test_a_champion_that_uses_a_forbidden_feature_fails_its_gate(
    sample_run: tuple[Place, str], tmp_path: Path
) -> None:
    there, _ = sample_run
    copy = there.copy(tmp_path / "copy", CRM_EXCLUDE_FEATURES="days_open")
    again = copy.dagster("asset", "materialize", *MODULE, "--select", "leak_audit")
    checks = copy.dagster("job", "execute", *MODULE, "--job", "data_quality_checks")
    assert again.returncode == 0, again.stderr
    assert checks.returncode != 0
    assert "Version 1 uses days_open: promote another version." in checks.stderr
    retrained = copy.dagster("asset", "materialize", *MODULE, "--select", "logistic_regression,champion")
    assert retrained.returncode == 0, retrained.stderr
    decision = copy.metadata("champion")["decision"].value
    assert decision == "Version 1 uses days_open, which may no longer be used."


def test_the_real_gates_find_the_known_defects_and_nothing_to_stop_for(real_run: tuple[Place, str]) -> None:
    there, printed = real_run
    for said in (
        "product_spelled_as_in_products: 1,480 of 8,800",
        "sector_spelled_right: 12 of 85",
        "account_recorded: 1,425 of 8,800",
    ):
        assert said in " ".join(printed.split())
    scores = there.frame("data_quality").set_index("table")
    assert scores.loc["raw_sales_pipeline", "score"] < 0.75
    assert (scores.drop(index=["raw_sales_pipeline", "raw_accounts"])["score"] == 1.0).all()
    assert "quality score, overall" in there.metadata("data_quality")

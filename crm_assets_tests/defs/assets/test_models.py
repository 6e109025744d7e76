"""The training set, materialized by the `dagster` CLI."""

from __future__ import annotations

from pathlib import Path

from dev.place import MODULE, Place


def test_a_month_that_is_missing_between_others_stops_training_with_a_sentence(
    sample_run: tuple[Place, str], tmp_path: Path
) -> None:
    there = sample_run[0].copy(tmp_path / "copy")
    before = (there.tables / "training_set.parquet").read_bytes()
    (there.tables / "win_features" / "2023-06.parquet").unlink()
    done = there.here("dagster", "asset", "materialize", *MODULE, "--select", "training_set")
    assert done.returncode != 0
    assert "win_features lacks 2023-06, between 2023-02 and 2023-11" in done.stdout + done.stderr
    assert (there.tables / "training_set.parquet").read_bytes() == before
    # Months missing at the end are not known yet, and months missing at the start were not requested.
    (there.tables / "win_features" / "2023-02.parquet").unlink()
    for month in ("2023-03", "2023-04", "2023-05"):
        (there.tables / "win_features" / f"{month}.parquet").unlink()
    done = there.here("dagster", "asset", "materialize", *MODULE, "--select", "training_set")
    assert done.returncode == 0, done.stderr
    assert there.frame("training_set")["snapshot_month"].min() == "2023-07"

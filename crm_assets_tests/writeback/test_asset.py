"""The asset exists if settings name a CRM, and writes the file after the predictions."""

from __future__ import annotations

import csv
from pathlib import Path

from crm_assets_tests.serving.conftest import newest
from dev.place import MODULE, Place


def test_the_asset_writes_the_file_of_the_crm_that_settings_name(
    sample_run: tuple[Place, str], tmp_path: Path
) -> None:
    there = sample_run[0].copy(tmp_path / "place", CRM_WRITE_BACK="pipedrive")
    done = there.here("dagster", "asset", "materialize", *MODULE, "--select", "write_back")
    assert done.returncode == 0, done.stdout + done.stderr
    with (there.folder / "home" / "write-back" / "pipedrive.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    stored = there.frame("win_predictions", newest(there))
    assert {row["Deal - ID"] for row in rows} == set(stored["opportunity_id"])
    assert {row["Deal - Win band"] for row in rows} <= set("ABCD")

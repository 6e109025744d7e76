"""Two dumps of one CRM, a month or two apart: what the graph makes of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from crm_assets.crm.schema import RAW_SALES_PIPELINE, RAW_TABLES
from crm_assets.sources.sample import SyntheticSample
from crm_assets_tests.chain import write_tables
from dev.dumps import account_missing_while_open, as_of, dump_of, rewritten
from dev.place import MODULE, Place, place

RAW = ",".join([*(table.name for table in RAW_TABLES), "quarantined_rows", "raw_archive"])
MADE = (
    "field_history,change_rates,opportunities,monthly_snapshots,win_features,deal_features,training_set,"
    "leak_audit"
)
OCTOBER, DECEMBER = "2023-10", "2023-12"


def take_in(
    there: Place, folder: Path, month: str, change: Callable[[pa.Table, np.ndarray], np.ndarray]
) -> None:
    """Export the CRM as of a month into the folder, and read it."""
    whole = dump_of(SyntheticSample(4_000, seed=7))
    if month == DECEMBER:
        deals = whole[RAW_SALES_PIPELINE.name]
        there_still = pc.invert(pc.is_in(deals["opportunity_id"], pa.array(deleted())))
        whole |= {RAW_SALES_PIPELINE.name: deals.filter(there_still)}
    write_tables(folder, rewritten(as_of(whole, month), "account", change))
    done = there.dagster("asset", "materialize", *MODULE, "--select", RAW)
    assert done.returncode == 0, done.stderr


def deleted() -> list[str]:
    """Return some deals that were open for months when somebody deleted them."""
    deals = SyntheticSample(4_000, seed=7).read(RAW_SALES_PIPELINE).to_pandas()
    old = pd.to_datetime(deals["engage_date"]) < pd.Timestamp(2023, 6, 1)
    return deals.loc[old & (deals["deal_stage"] == "Engaging"), "opportunity_id"].tolist()[:20]


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Return an installation that took in a dump of October, then one of December, and skipped November."""
    folder = tmp_path_factory.mktemp("dumps")
    there = place(folder / "place", CRM_DATA_DIR=str(folder / "crm"))
    take_in(there, folder / "crm", OCTOBER, account_missing_while_open)
    take_in(there, folder / "crm", DECEMBER, account_missing_while_open)
    months = ("--partition-range", f"2022-10...{DECEMBER}")
    done = there.dagster("asset", "materialize", *MODULE, "--select", MADE, *months)
    assert done.returncode == 0, done.stderr
    return there


def test_the_archive_lists_both_dumps_and_stores_what_has_not_changed_once(there: Place) -> None:
    archive = there.frame("raw_archive")
    assert archive["dump"].unique().tolist() == ["2023-10-31", "2023-12-31"]
    assert archive["used"].all()
    shared = archive[archive["first_in"] != archive["dump"]]
    changed = "raw_sales_pipeline"
    unchanged = [table.name for table in RAW_TABLES if table.name != changed]
    assert shared["table"].tolist() == [*unchanged, "quarantined_rows"]
    stored = [path.stem for path in (there.tables / "archive" / "tables").rglob("*.parquet")]
    assert sorted(stored) == sorted(archive["digest"].unique())


def test_a_column_rewritten_at_closing_is_convicted_by_history(there: Place) -> None:
    audit = there.frame("leak_audit").set_index("feature")
    assert audit.loc["has_account", "verdict"] == "inadmissible"
    assert "account, which changed between dumps on 63.0% of the 506" in audit.loc["has_account", "reason"]
    guilty = audit.index[audit["verdict"] == "inadmissible"]
    assert set(guilty) == {
        "sector",
        "account_revenue",
        "account_employees",
        "account_age_years",
        "is_subsidiary",
        "has_account",
        "account_win_rate",
        "account_closed_deals",
    }
    history = there.frame("field_history")
    assert set(history["moment"]) == {"at_closing", "vanished"}


def test_deals_that_vanished_are_told_and_stay_in_the_months_that_knew_them(there: Place) -> None:
    history = there.frame("field_history")
    gone = history.loc[history["moment"] == "vanished", "opportunity_id"]
    assert sorted(gone) == sorted(deleted())
    assert not set(gone) & set(there.frame("opportunities")["opportunity_id"])
    for month, known in (("2023-08", True), (OCTOBER, True), (DECEMBER, False)):
        assert gone.isin(there.frame("monthly_snapshots", month)["opportunity_id"]).all() == known
    labels = there.frame("training_set").set_index("opportunity_id")["won_next_month"]
    assert labels.loc[labels.index.isin(gone)].eq(0).all()


def test_snapshots_have_what_the_dump_of_their_month_recorded(there: Place) -> None:
    def of(month: str) -> pd.DataFrame:
        return there.frame("monthly_snapshots", month).set_index("opportunity_id")

    assert of("2023-09")["known_from"].unique().tolist() == ["reconstructed"]
    assert of(OCTOBER)["known_from"].unique().tolist() == ["2023-10-31"]
    assert of(DECEMBER)["known_from"].unique().tolist() == ["2023-12-31"]
    between, before = of("2023-11"), of(OCTOBER)
    own = between.index.intersection(before.index)
    assert between.loc[own, "known_from"].eq("2023-10-31").all()
    assert between.drop(own)["known_from"].eq("reconstructed").all()
    pd.testing.assert_series_equal(between.loc[own, "account"], before.loc[own, "account"])
    # What closed in November is closed, with the account that it had in October.
    closed = between.loc[own, "stage"].isin(["Won", "Lost"]) & before.loc[own, "stage"].eq("Engaging")
    assert closed.sum() > 100
    assert before.loc[own][closed]["account"].isna().mean() > 0.5


def test_one_dump_of_the_months_before_changes_nothing_in_them(there: Place, tmp_path: Path) -> None:
    folder = tmp_path / "crm"
    alone = place(tmp_path / "place", CRM_DATA_DIR=str(folder))
    take_in(alone, folder, OCTOBER, account_missing_while_open)
    months = ("--partition-range", f"2022-10...{OCTOBER}")
    select = "opportunities,monthly_snapshots"
    done = alone.dagster("asset", "materialize", *MODULE, "--select", select, *months)
    assert done.returncode == 0, done.stderr
    names = [name for name in alone.contents() if name.startswith("monthly_snapshots/")]
    assert len(names) == 13
    assert {n: alone.contents()[n] for n in names} == {n: there.contents()[n] for n in names}
    # An older export that is only archived changes neither the raw tables nor the months.
    before, calendar = alone.contents(), (alone.folder / "home" / "calendar.json").read_text()
    write_tables(folder, as_of(dump_of(SyntheticSample(4_000, seed=7)), "2023-09"))
    done = alone.dagster("asset", "materialize", *MODULE, "--select", "raw_archive")
    assert done.returncode == 0, done.stderr
    now = alone.contents()
    assert {name for name in before if now[name] != before[name]} == {"raw_archive.parquet"}
    assert (alone.folder / "home" / "calendar.json").read_text() == calendar
    assert alone.frame("raw_archive")["dump"].unique().tolist() == ["2023-09-30", "2023-10-31"]


def test_a_day_before_the_newest_date_is_refused_and_nothing_is_stored(tmp_path: Path) -> None:
    there = place(tmp_path / "place", CRM_SAMPLE_OPPORTUNITIES="300", CRM_KNOWN_ON="2023-11-30")
    done = there.dagster("asset", "materialize", *MODULE, "--select", RAW)
    assert done.returncode != 0
    assert "CRM_KNOWN_ON is 2023-11-30, but the data has a date of 2023-12-31" in done.stderr
    assert not there.tables.exists()

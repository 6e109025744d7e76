"""A replay shows a dump month by month, and later months change nothing in earlier ones."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from crm_assets.console.replay.past import Past, export_as_of, rows_as_of
from crm_assets.console.replay.report import known_of
from crm_assets.crm.archive import in_use
from crm_assets.crm.months import month_end
from crm_assets.crm.schema import RAW_SALES_PIPELINE
from crm_assets.sources.csv_folder import CsvFolder
from crm_assets.sources.sample import SyntheticSample
from crm_assets.storage.archive import Archive
from crm_assets.storage.folder import Folder
from crm_assets.storage.tables import TableStore
from dev.dumps import account_missing_while_open, as_of, dump_of, rewritten

SAMPLE = SyntheticSample(900, seed=1)


def test_a_month_shows_nothing_dated_after_it(tmp_path: Path) -> None:
    export_as_of(SAMPLE, tmp_path / "dump", "2023-06")
    there = CsvFolder(tmp_path / "dump", "as of 2023-06")
    deals = there.read(RAW_SALES_PIPELINE).to_pandas()
    assert there.month_range().last == "2023-06"
    assert pd.to_datetime(deals["engage_date"]).max() <= pd.Timestamp(month_end("2023-06"))
    assert pd.to_datetime(deals["close_date"]).max() <= pd.Timestamp(month_end("2023-06"))


def test_a_deal_that_closes_later_is_open_and_one_that_has_closed_is_as_it_is() -> None:
    whole = SAMPLE.read(RAW_SALES_PIPELINE)
    now = rows_as_of(whole, RAW_SALES_PIPELINE, "2023-06").to_pandas().set_index("opportunity_id")
    end = (
        rows_as_of(whole, RAW_SALES_PIPELINE, "2023-12")
        .to_pandas()
        .set_index("opportunity_id")
        .loc[now.index]
    )
    open_then = now["close_date"].isna()
    assert (now.loc[open_then, "deal_stage"] == "Engaging").all()
    assert now.loc[open_then, "close_value"].isna().all()
    assert end.loc[open_then, "close_date"].notna().any()
    pd.testing.assert_frame_equal(now[~open_then], end[~open_then])


def test_the_last_month_is_the_dump_but_for_deals_without_a_date() -> None:
    whole = SAMPLE.read(RAW_SALES_PIPELINE)
    engaged = whole.filter(whole["engage_date"].is_valid())
    assert rows_as_of(whole, RAW_SALES_PIPELINE, "2023-12").equals(engaged)


@pytest.fixture
def recorded(tmp_path: Path) -> Past:
    """Return a CRM whose open deals lack their account, with dumps of two months in its archive."""
    archive = Archive(TableStore(Folder(tmp_path / "tables")))
    for month in ("2023-10", "2023-12"):
        dump = rewritten(as_of(dump_of(SAMPLE), month), "account", account_missing_while_open)
        archive.add(dump, month_end(month))
    return Past(SAMPLE, archive, tuple(in_use(archive.dumps())))


def test_a_month_with_an_archived_dump_is_shown_as_recorded(recorded: Past, tmp_path: Path) -> None:
    def missing(month: str) -> float:
        deals = recorded.tables(month)[RAW_SALES_PIPELINE.name].to_pandas()
        return float(deals.loc[deals["deal_stage"] == "Engaging", "account"].isna().mean())

    assert missing("2023-10") == pytest.approx(0.6, abs=0.1)
    # Made from the next dump, in which deals that have closed since have their account.
    assert missing("2023-08") < missing("2023-10") - 0.1
    recorded.export(tmp_path / "dump", "2023-10")
    deals = CsvFolder(tmp_path / "dump", "as recorded").read(RAW_SALES_PIPELINE).to_pandas()
    then = recorded.tables("2023-10")[RAW_SALES_PIPELINE.name].to_pandas()
    assert deals["account"].isna().sum() == then["account"].isna().sum()
    assert pd.to_datetime(deals["engage_date"]).max() <= pd.Timestamp(date(2023, 10, 31))


def test_the_comparison_takes_each_month_from_the_dump_that_the_replay_showed(recorded: Past) -> None:
    months = ["2023-08", "2023-09", "2023-10", "2023-11", "2023-12"]
    told = known_of(recorded, "2022-10", months, "2023-10")
    features = told.features
    then, now = features("2023-10"), features("2023-12")
    assert then.loc[then["snapshot_month"] == "2023-10", "won_next_month"].isna().all()
    assert now.loc[now["snapshot_month"] == "2023-10", "won_next_month"].notna().all()
    same = [name for name in now.columns if not name.startswith("won_")]
    pd.testing.assert_frame_equal(then[same], now[same])
    has = now.groupby("snapshot_month")["has_account"].mean()
    assert has["2023-10"] < 0.5
    assert told.snapshot("2023-10")["account"].isna().mean() > 0.1
    alone = known_of(Past(SAMPLE), "2022-10", months, "2023-10").features("2023-12")
    assert alone.groupby("snapshot_month")["has_account"].mean()["2023-10"] > 0.9

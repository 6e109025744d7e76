"""A replay shows a dump month by month, and later months change nothing in earlier ones."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from crm_assets.console.replay.past import export_as_of, rows_as_of
from crm_assets.crm.months import month_end
from crm_assets.crm.schema import RAW_SALES_PIPELINE
from crm_assets.sources.csv_folder import CsvFolder
from crm_assets.sources.sample import SyntheticSample

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

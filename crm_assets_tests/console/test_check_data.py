"""`make check-data`, and what a run does with data that is not enough for a model."""

from __future__ import annotations

from pathlib import Path

from crm_assets.crm.schema import RAW_SALES_PIPELINE
from crm_assets.sources.sample import SyntheticSample
from crm_assets_tests.chain import full_dump, write_tables
from dev.place import place

LEAST = ["opportunity_id", "deal_stage", "created_date", "close_date", "close_value", "source_row"]


def dump(folder: Path, deals: int) -> Path:
    """Write the five columns of deals that a forecast needs at least, and no other file."""
    rows = full_dump(SyntheticSample(deals, seed=4))[RAW_SALES_PIPELINE.name].select(LEAST)
    write_tables(folder, {RAW_SALES_PIPELINE.name: rows})
    return folder


def test_a_dump_is_told_what_comes_out_of_it(tmp_path: Path) -> None:
    there = place(tmp_path / "place", CRM_DATA_DIR=str(dump(tmp_path / "dump", 900)))
    done = there.here("crm_assets.console.check_data")
    assert done.returncode == 0, done.stdout + done.stderr
    for said in (
        "Deals      900: ",
        "Salesforce's scoring needs 200 won and 200 lost deals: met",
        "Absent     accounts, products, sales teams",
        "Features   4 of 23, and 1 of 11 more; the CRM has no product, sales_agent, account",
        "You get    models, ",
    ):
        assert said in done.stdout


def test_closed_deals_alone_end_a_run_with_one_sentence_before_anything_is_stored(tmp_path: Path) -> None:
    folder = dump(tmp_path / "dump", 300)
    lines = (folder / "sales_pipeline.csv").read_text().splitlines()
    closed = [line for line in lines if "Engaging" not in line and "Prospecting" not in line]
    (folder / "sales_pipeline.csv").write_text("\n".join(closed))
    there = place(tmp_path / "place", CRM_DATA_DIR=str(folder))
    for command in ("crm_assets", "crm_assets.console.check_data"):
        done = there.here(command)
        assert done.returncode == 1
        assert "✗ No deal is open at the end of 2023-12, so there is nothing to forecast" in done.stdout
        assert "Traceback" not in done.stdout + done.stderr
    assert not there.tables.exists()


def test_a_tiny_dump_gets_a_forecast_by_the_pooled_rate(tmp_path: Path) -> None:
    data = str(dump(tmp_path / "dump", 100))
    there = place(tmp_path / "place", CRM_DATA_DIR=data, CRM_FIRST_MONTH="2023-10")
    done = there.here("crm_assets")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "You get    no model, but the pooled rate of past deals of the same age" in done.stdout
    assert "Champion   none: the data is not enough for a model" in done.stdout
    predictions = there.frame("win_predictions", "2023-12")
    assert len(predictions) == len(there.frame("win_features", "2023-12")) > 0
    assert predictions["probability"].between(0, 1, inclusive="neither").all()
    assert predictions["algorithm"].eq("pooled_rate").all()
    assert set(there.frame("revenue_forecast", "2023-12")["level"]) == {"total"}

"""The synthetic sample: same seed, same CRM; every size is a valid one."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from crm_assets.crm.deals import DIMENSIONS
from crm_assets.crm.horizon import data_horizon
from crm_assets.crm.months import MonthRange, month_of
from crm_assets.crm.schema import RAW_SALES_PIPELINE, RAW_TABLES, Stage, as_given
from crm_assets.crm.tables import OPPORTUNITIES
from crm_assets.settings import Settings
from crm_assets.sources.csv_folder import CsvFolder
from crm_assets.sources.sample import SyntheticSample
from crm_assets.sources.select import select_source
from crm_assets_tests.chain import opportunities, write_dump

SIZES = (100, 900, 20_000)
# Any seed must work; a rare draw would show first in the smallest CRM.
SEEDS = range(10)


def tables(sample: SyntheticSample) -> dict[str, pa.Table]:
    return {table.name: sample.read(table) for table in RAW_TABLES}


def taken(sample: SyntheticSample, folder: Path) -> dict[str, pa.Table]:
    """Read a folder of the sample's files, which fails if a row breaks a rule."""
    there = CsvFolder(write_dump(folder, sample), "test")
    return {name: one.rows for name, one in there.take(*RAW_TABLES).items()}


def months(pipeline: pa.Table) -> MonthRange:
    engaged, closed = pipeline["engage_date"], pipeline["close_date"]
    last = max(pc.max(engaged).as_py(), pc.max(closed).as_py())
    return MonthRange(month_of(pc.min(engaged).as_py()), data_horizon(last))


def test_the_same_seed_and_size_give_equal_tables() -> None:
    assert tables(SyntheticSample(900, 3)) == tables(SyntheticSample(900, 3))


def test_the_order_of_reading_changes_nothing() -> None:
    backwards = SyntheticSample(900, 3)
    read = {table.name: backwards.read(table) for table in reversed(RAW_TABLES)}
    assert read == tables(SyntheticSample(900, 3))


def test_another_seed_gives_another_crm() -> None:
    one, other = tables(SyntheticSample(900, 3)), tables(SyntheticSample(900, 4))
    assert one["raw_sales_pipeline"] != other["raw_sales_pipeline"]
    assert one["raw_accounts"] != other["raw_accounts"]


@pytest.mark.parametrize("size", SIZES)
def test_every_size_has_the_types_of_the_schema_and_that_many_deals(size: int) -> None:
    sample = SyntheticSample(size, 7)
    for table in RAW_TABLES:
        rows = sample.read(table)
        assert rows.schema == as_given(table.arrow, rows.column_names)
    assert sample.read(RAW_SALES_PIPELINE).num_rows == size


@pytest.mark.parametrize("size", SIZES)
def test_every_size_keeps_every_rule(size: int, tmp_path: Path) -> None:
    sample = SyntheticSample(size, 7)
    assert taken(sample, tmp_path / "dump") == tables(sample)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_seed_keeps_every_rule_and_the_calendar(seed: int, tmp_path: Path) -> None:
    sample = SyntheticSample(100, seed)
    assert taken(sample, tmp_path / "dump") == tables(sample)
    assert months(sample.read(RAW_SALES_PIPELINE)) == sample.month_range()


@pytest.mark.parametrize("size", SIZES)
def test_every_size_can_be_cleaned(size: int) -> None:
    cleaned = opportunities(tables(SyntheticSample(size, 7)), "2022-10")
    assert cleaned.column_names == OPPORTUNITIES.having([column.name for column in DIMENSIONS]).names
    assert cleaned.num_rows == size
    assert cleaned["product_series"].null_count == cleaned["regional_office"].null_count == 0


@pytest.mark.parametrize("size", [*SIZES, 200_000])
def test_opportunity_ids_are_unique(size: int) -> None:
    ids = SyntheticSample(size, 7).read(RAW_SALES_PIPELINE)["opportunity_id"]
    assert pc.count_distinct(ids).as_py() == size
    assert pc.unique(pc.utf8_length(ids)).to_pylist() == [8]


@pytest.mark.parametrize("size", SIZES)
def test_the_month_range_is_that_of_the_dates(size: int) -> None:
    sample = SyntheticSample(size, 7)
    assert sample.month_range() == months(sample.read(RAW_SALES_PIPELINE))


def test_every_stage_and_the_gaps_of_a_real_crm_occur() -> None:
    pipeline = SyntheticSample(900, 7).read(RAW_SALES_PIPELINE)
    assert set(pipeline["deal_stage"].to_pylist()) == set(Stage)
    assert 0 < pipeline["account"].null_count < 900 / 4


def test_the_description_says_that_it_is_synthetic() -> None:
    assert "SYNTHETIC" in SyntheticSample(100, 1).description
    chosen = select_source(Settings(source="sample", sample_opportunities=1_200, sample_seed=5))
    assert chosen.synthetic
    assert chosen.description.startswith("SYNTHETIC sample of 1,200 opportunities, seed 5")

"""What a CRM does not have is absent: from raw tables to features, nothing is invented for it."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from crm_assets.crm.deal_feature_table import DEAL_FEATURES
from crm_assets.crm.feature_table import FEATURE_NAMES
from crm_assets.crm.schema import RAW_SALES_PIPELINE, RAW_TABLES
from crm_assets.sources.sample import SyntheticSample
from crm_assets_tests.chain import Chain, opportunities, run_chain, with_details, write_tables

SAMPLE = SyntheticSample(300, seed=2)
LEAST = ("opportunity_id", "deal_stage", "created_date", "close_date", "close_value")
MONTH = "2023-06"


def dump(columns: tuple[str, ...] = (), tables: tuple[str, ...] = ()) -> dict[str, pa.Table]:
    """Return a dump with only some columns of deals (default: all), and only some other tables."""
    pipeline = with_details(SAMPLE.read(RAW_SALES_PIPELINE))
    kept = [*columns, "source_row"] if columns else pipeline.column_names
    raw = {t.name: SAMPLE.read(t) if t.name in tables else t.absent for t in RAW_TABLES}
    return raw | {RAW_SALES_PIPELINE.name: pipeline.select(kept)}


def chain(folder: Path, raw: dict[str, pa.Table]) -> Chain:
    return run_chain(write_tables(folder / "dump", raw), folder / "tables", [MONTH])


def test_a_dump_of_five_columns_has_the_features_of_its_dates_alone(tmp_path: Path) -> None:
    made = chain(tmp_path, dump(LEAST))
    features = made.features(MONTH)
    assert [name for name in features.columns if name in FEATURE_NAMES] == [
        "days_open",
        "engage_day_of_week",
        "month_of_quarter",
        "days_open_vs_median_cycle",
    ]
    assert len(features) > 20
    further = made.store.to_pandas(made.store.read("deal_features", [MONTH]))
    assert further.columns.tolist() == ["snapshot_month", "opportunity_id", "days_since_created"]
    assert "product" not in made.opportunities().columns


@pytest.mark.parametrize(
    ("tables", "lacks"),
    [
        (("raw_products", "raw_sales_teams"), {"sector", "account_revenue", "account_employees"}),
        (("raw_accounts", "raw_products"), {"manager", "regional_office"}),
        (("raw_accounts", "raw_sales_teams"), {"product_series", "list_price"}),
    ],
)
def test_without_a_table_only_what_it_says_is_left_out(
    tables: tuple[str, ...], lacks: set[str], tmp_path: Path
) -> None:
    features = chain(tmp_path, dump(tables=tables)).features(MONTH)
    there = set(features.columns) & set(FEATURE_NAMES)
    assert not lacks & there
    assert {"product", "sales_agent", "has_account", "product_win_rate", "account_win_rate"} <= there


def test_the_kaggle_dump_has_the_23_features_and_no_row_of_further_ones(small_chain: Chain) -> None:
    month = small_chain.months[6]
    assert set(FEATURE_NAMES) <= set(small_chain.features(month).columns)
    further = small_chain.store.read("deal_features", [month]).to_pyarrow()
    assert further.num_rows == 0
    assert further.column_names == ["snapshot_month", "opportunity_id"]


def cleaned(*deals: dict[str, Any]) -> list[dict[str, Any]]:
    """Clean a few deals of a CRM without other tables."""
    rows = [
        {"opportunity_id": f"D{number}", "close_date": None, "close_value": None, "source_row": number} | deal
        for number, deal in enumerate(deals, start=2)
    ]
    schema = RAW_SALES_PIPELINE.arrow
    there = [name for name in schema.names if name in rows[0]]
    pipeline = pa.Table.from_pylist(rows, pa.schema([schema.field(name) for name in there]))
    raw = {table.name: table.absent for table in RAW_TABLES} | {RAW_SALES_PIPELINE.name: pipeline}
    return opportunities(raw, "2023-01").to_pylist()


CREATED, ENGAGED, CLOSED = date(2023, 2, 1), date(2023, 3, 1), date(2023, 4, 1)


def test_a_deal_is_known_since_the_first_of_its_dates() -> None:
    deal = {"deal_stage": "Won", "close_date": CLOSED, "close_value": 9.0}
    first, second, third, fourth = cleaned(
        deal | {"created_date": CREATED, "engage_date": ENGAGED},
        deal | {"created_date": ENGAGED, "engage_date": CREATED},
        deal | {"created_date": None, "engage_date": None},
        {"deal_stage": "Prospecting", "created_date": None, "engage_date": None},
    )
    assert (first["created_date"], first["created_date_source"]) == (CREATED, "created_date")
    assert (second["created_date"], second["created_date_source"]) == (CREATED, "engage_date")
    assert (third["created_date"], third["created_date_source"]) == (CLOSED, "close_date")
    assert fourth["created_date_source"] == "simulated"
    assert first["crm_created_date"] == CREATED


def test_a_real_creation_date_takes_the_place_of_the_simulated_one() -> None:
    (deal,) = cleaned({"deal_stage": "Prospecting", "created_date": CREATED, "engage_date": None})
    assert (deal["created_date"], deal["created_date_source"]) == (CREATED, "created_date")
    assert deal["engage_date"] is None


def test_without_engage_dates_all_deals_count_from_their_creation_whatever_became_of_them() -> None:
    deals = cleaned(
        {"deal_stage": "Prospecting", "created_date": CREATED},
        {"deal_stage": "Engaging", "created_date": CREATED},
        {"deal_stage": "Lost", "created_date": CREATED, "close_date": CLOSED, "close_value": None},
        # A bulk load: entered only after it had closed.
        {"deal_stage": "Won", "created_date": CLOSED, "close_date": ENGAGED, "close_value": 5.0},
    )
    assert [deal["engage_date"] for deal in deals] == [CREATED, CREATED, CREATED, None]
    assert [deal["stage"] for deal in deals] == ["Engaging", "Engaging", "Lost", "Won"]
    assert [deal["created_date"] for deal in deals] == [CREATED, CREATED, CREATED, CLOSED]


def test_a_deal_that_was_never_engaged_is_prospecting_until_it_is_lost(tmp_path: Path) -> None:
    raw = dump()
    rows = raw[RAW_SALES_PIPELINE.name].to_pylist()
    lost = next(r for r in rows if r["deal_stage"] == "Lost" and r["close_date"] > date(2023, 7, 15))
    lost |= {"engage_date": None, "created_date": date(2023, 1, 9)}
    raw[RAW_SALES_PIPELINE.name] = pa.Table.from_pylist(rows, RAW_SALES_PIPELINE.arrow)
    made = run_chain(write_tables(tmp_path / "dump", raw), tmp_path / "tables")
    stages = {
        month: made.snapshot(month).set_index("opportunity_id")["stage"].get(lost["opportunity_id"])
        for month in made.months
    }
    assert stages["2022-12"] is None
    assert stages["2023-01"] == stages["2023-06"] == "Prospecting"
    assert stages["2023-12"] == "Lost"


def test_features_beyond_the_23_are_those_of_their_definitions(tmp_path: Path) -> None:
    made = chain(tmp_path, dump(tables=("raw_products",)))
    deals = made.opportunities().set_index("opportunity_id")
    rows = made.store.to_pandas(made.store.read("deal_features", [MONTH])).set_index("opportunity_id")
    end = date(2023, 6, 30)
    assert len(rows) > 20
    assert set(rows.columns) == {"snapshot_month", *(row.name for row in DEAL_FEATURES)}
    for name, row in rows.iterrows():
        deal = deals.loc[name]
        assert row["days_since_created"] == (end - deal["crm_created_date"]).days
        assert row["days_to_expected_close"] == (deal["expected_close_date"] - end).days
        assert row["expected_next_month"] == (f"{deal['expected_close_date']:%Y-%m}" == "2023-07")
        assert row["amount"] == deal["amount"]
        assert row["amount_vs_list_price"] == pytest.approx(deal["amount"] / deal["list_price"])
        changed = deal["stage_changed_date"]
        if changed <= end:
            assert (row["stage_name"], row["days_in_stage"]) == (deal["stage_name"], (end - changed).days)
        else:
            assert row[["stage_name", "stage_position", "days_in_stage"]].isna().all()
    assert rows["expected_next_month"].nunique() == 2
    assert timedelta(0) < end - deals["crm_created_date"].min()

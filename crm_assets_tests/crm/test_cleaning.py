"""Cleaning corrects names and joins deals with what they refer to; it loses and doubles no deal."""

from __future__ import annotations

from datetime import date, timedelta

import ibis
import numpy as np
import pyarrow as pa
import pytest

from crm_assets.crm.cleaning import SIMULATED_DAYS
from crm_assets.crm.deals import DIMENSIONS
from crm_assets.crm.names import meant
from crm_assets.crm.schema import RAW_SALES_PIPELINE, RAW_TABLES, as_given
from crm_assets.crm.tables import OPPORTUNITIES
from crm_assets.sources.sample import SyntheticSample
from crm_assets_tests.chain import Chain, cleaned

SAMPLE = SyntheticSample(200, seed=5)


def test_the_known_defects_of_the_real_dump_are_mended(real_chain: Chain) -> None:
    deals = real_chain.opportunities()
    assert len(deals) == 8_800
    assert "GTXPro" not in set(deals["product"])
    assert (deals["product"] == "GTX Pro").sum() == 1_480
    assert "technolgy" not in set(deals["sector"].dropna())
    assert deals["account"].isna().sum() == 1_425
    assert deals.loc[deals["account"].notna(), "sector"].notna().all()
    assert deals.loc[deals["stage"] == "Won", "close_value"].sum() == 10_005_534


def test_cleaned_deals_have_their_columns_types_and_order(small_chain: Chain) -> None:
    table = small_chain.store.read("opportunities").to_pyarrow()
    assert table.schema == as_given(OPPORTUNITIES.arrow, {c.name for c in DIMENSIONS})
    ids = table["opportunity_id"].to_pylist()
    assert ids == sorted(set(ids))
    never_null = [name for name in table.column_names if not OPPORTUNITIES[name].nullable]
    assert sum(table[name].null_count for name in never_null) == 0


def test_every_deal_meets_its_own_product_agent_and_account() -> None:
    raw = {table.name: SAMPLE.read(table).to_pylist() for table in RAW_TABLES}
    products = {row["product"]: row for row in raw["raw_products"]}
    agents = {row["sales_agent"]: row for row in raw["raw_sales_teams"]}
    accounts = {row["account"]: row for row in raw["raw_accounts"]}
    deals = {row["opportunity_id"]: row for row in cleaned(SAMPLE).to_pylist()}
    assert len(deals) == len(raw["raw_sales_pipeline"])
    for row in raw["raw_sales_pipeline"]:
        deal = deals[row["opportunity_id"]]
        product, agent = products[row["product"]], agents[row["sales_agent"]]
        account = accounts.get(row["account"], dict.fromkeys(raw["raw_accounts"][0]))
        assert (deal["product"], deal["product_series"]) == (product["product"], product["series"])
        assert deal["list_price"] == product["sales_price"]
        assert (deal["manager"], deal["regional_office"]) == (agent["manager"], agent["regional_office"])
        assert (deal["account"], deal["sector"]) == (account["account"], account["sector"])
        assert deal["account_revenue"] == account["revenue"]
        assert deal["account_employees"] == account["employees"]
        assert deal["account_year_established"] == account["year_established"]
        assert deal["account_parent"] == account["subsidiary_of"]
        assert deal["stage"] == row["deal_stage"]
        assert (deal["engage_date"], deal["close_date"]) == (row["engage_date"], row["close_date"])
        assert deal["close_value"] == row["close_value"]


def test_names_are_spelled_as_their_own_table_spells_them() -> None:
    pipeline = SAMPLE.read(RAW_SALES_PIPELINE)
    for column in ("product", "sales_agent", "account"):
        spelled = [name and f" {name.upper().replace(' ', '-')}." for name in pipeline[column].to_pylist()]
        pipeline = pipeline.set_column(pipeline.column_names.index(column), column, pa.array(spelled))
    assert cleaned(SAMPLE, {"raw_sales_pipeline": pipeline}).equals(cleaned(SAMPLE))


def test_the_order_of_raw_rows_changes_nothing() -> None:
    random = np.random.default_rng(1)
    tables = {}
    for table in RAW_TABLES:
        rows = SAMPLE.read(table)
        tables[table.name] = rows.take(pa.array(random.permutation(rows.num_rows)))
    assert cleaned(SAMPLE, tables).equals(cleaned(SAMPLE))


def test_deals_become_known_on_their_engage_date_or_are_marked_as_simulated(real_chain: Chain) -> None:
    deals = real_chain.opportunities()
    prospecting = deals["engage_date"].isna()
    assert prospecting.sum() == 500
    assert deals["stage"].eq("Prospecting").eq(prospecting).all()
    assert deals.loc[prospecting, "created_date_source"].eq("simulated").all()
    assert deals.loc[~prospecting, "created_date_source"].eq("engage_date").all()
    assert deals.loc[~prospecting, "created_date"].eq(deals.loc[~prospecting, "engage_date"]).all()
    start = date(2016, 10, 1)
    simulated = deals.loc[prospecting, "created_date"]
    assert simulated.between(start, start + timedelta(days=SIMULATED_DAYS - 1)).all()
    # Spread out, not crowded on a few days.
    assert simulated.nunique() > 250


def test_a_simulated_day_depends_on_the_id_alone() -> None:
    pipeline = SAMPLE.read(RAW_SALES_PIPELINE)
    stage = pipeline["deal_stage"].to_pylist()
    prospects = pipeline.filter(pa.array([name == "Prospecting" for name in stage]))
    assert prospects.num_rows
    first = prospects.column_names.index
    others = prospects.set_column(
        first("sales_agent"), "sales_agent", pa.array(["Agent 0001"] * prospects.num_rows)
    ).set_column(first("product"), "product", pa.array(["Product C 500"] * prospects.num_rows))
    days = {row["opportunity_id"]: row["created_date"] for row in cleaned(SAMPLE).to_pylist()}
    alone = cleaned(SAMPLE, {"raw_sales_pipeline": others.slice(1)}).to_pylist()
    assert len(alone) == prospects.num_rows - 1
    assert all(row["created_date"] == days[row["opportunity_id"]] for row in alone)
    assert all(row["created_date_source"] == "simulated" for row in alone)


def test_the_simulated_day_of_an_id_never_changes_between_versions() -> None:
    prospects = pa.Table.from_pylist(
        [
            {
                "opportunity_id": "1C1I7A6R",
                "sales_agent": "Agent 0001",
                "product": "Product C 500",
                "deal_stage": "Prospecting",
                "source_row": 2,
            }
        ],
        RAW_SALES_PIPELINE.arrow,
    )
    deal = cleaned(SAMPLE, {"raw_sales_pipeline": prospects}).to_pylist()[0]
    assert deal["created_date"] == date(2023, 5, 21)


def test_a_dump_of_no_deals_is_cleaned_to_no_rows() -> None:
    tables = {"raw_sales_pipeline": RAW_SALES_PIPELINE.arrow.empty_table()}
    table = cleaned(SAMPLE, tables)
    assert table.num_rows == 0
    assert table.schema.names == OPPORTUNITIES.names


def test_a_name_that_no_rule_has_judged_keeps_its_spelling_for_the_gates_to_tell() -> None:
    pipeline = SAMPLE.read(RAW_SALES_PIPELINE)
    for name in ("product", "sales_agent", "account"):
        spelled = pa.array(["Nobody's", *pipeline[name].to_pylist()[1:]])
        pipeline = pipeline.set_column(pipeline.column_names.index(name), name, spelled)
    deals = {
        row["opportunity_id"]: row for row in cleaned(SAMPLE, {RAW_SALES_PIPELINE.name: pipeline}).to_pylist()
    }
    deal = deals[pipeline["opportunity_id"][0].as_py()]
    assert {deal[name] for name in ("product", "sales_agent", "account")} == {"Nobody's"}
    assert deal["list_price"] is deal["manager"] is deal["sector"] is None


@pytest.mark.parametrize(
    ("spelled", "listed", "means"),
    [
        ("GTXPro", ["GTX Pro", "GTX Basic"], "GTX Pro"),
        ("Ünited-Söftware", ["ünited söftware"], "ünited söftware"),
        ("GTX  Pro", ["GTX Pro", "GTXPro"], "GTX Pro"),
        ("GTX\u00a0Pro", ["GTX Pro"], "GTX Pro"),
        ("gtx pro", ["GTX Pro", "GTXPro"], None),
        ("GTX Pro", ["GTX Pro 2"], None),
        ("C", ["C++", "C#"], None),
        ("C++", ["C++", "C#"], "C++"),
        ("Basic+", ["Basic"], None),
        ("Basic", ["Basic", "Basic+"], "Basic"),
        ("\u0915\u0940\u0930\u094d\u0924\u093f", ["\u0915\u0930\u0924\u093e"], None),
        ("0011A00000bvc8v", ["0011A00000bvc8V", "0011A00000bvc8v"], "0011A00000bvc8v"),
        ("0011a00000bvc8v", ["0011A00000bvc8V", "0011A00000bvc8v"], None),
        ("東京", ["大阪"], None),
        ("++", ["--"], None),
    ],
)
def test_a_spelling_means_the_one_name_that_a_reader_sees(
    spelled: str, listed: list[str], means: str | None
) -> None:
    names, known = (ibis.memtable(pa.table({"name": texts})) for texts in ([spelled], listed))
    found = meant(names["name"], known["name"]).to_pyarrow().to_pylist()
    assert found == [{"name": spelled, "means": means}]


def test_opportunities_of_the_small_dump_are_those_of_its_sample(small_chain: Chain) -> None:
    sample = SyntheticSample(900, seed=1)
    table = cleaned(sample)
    assert table.cast(as_given(OPPORTUNITIES.arrow, table.column_names)).equals(
        small_chain.store.read("opportunities").to_pyarrow()
    )

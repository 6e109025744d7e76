"""The same 2,000 deals, exported by five CRMs: their presets make the same opportunities of them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from crm_assets.crm.schema import RAW_TABLES, Stage
from crm_assets.settings import Settings
from crm_assets.sources.select import select_source
from crm_assets_tests.sources.mapping.conftest import Taken, cleaned
from dev.crm_exports.company import CHANCES, STAGES, Company
from dev.crm_exports.crms import CRMS, deal_number

FIRST_MONTH = "2022-10"
# Columns that only some CRMs have.
ONLY_IN = {"account_parent": {"salesforce", "hubspot", "dynamics", "odoo"}, "pipeline": {"hubspot"}}


@pytest.fixture(scope="module")
def taken(exports: dict[str, Path]) -> dict[str, Taken]:
    """Return the raw tables of each CRM, read by its preset."""
    sources = {
        crm: select_source(Settings.model_validate({"data_dir": folder, "mapping": crm}))
        for crm, folder in exports.items()
    }
    return {crm: source.take(*RAW_TABLES) for crm, source in sources.items()}


@pytest.fixture(scope="module")
def opportunities(taken: dict[str, Taken]) -> dict[str, pd.DataFrame]:
    """Return the opportunities that come out of each CRM's files."""
    return {crm: comparable(crm, tables) for crm, tables in taken.items()}


def comparable(crm: str, taken: Taken) -> pd.DataFrame:
    table = cleaned(taken, FIRST_MONTH).to_pandas()
    # Each CRM has its own ids: the number of the deal stands for them.
    table["opportunity_id"] = [deal_number(crm, text) for text in table["opportunity_id"]]
    # The name of a closed deal's stage is the CRM's own: `Won` here, the last open stage there.
    closed = table["stage"].isin([Stage.WON, Stage.LOST])
    table.loc[closed, "stage_name"] = None
    return table.sort_values("opportunity_id", ignore_index=True)


def expected(company: Company) -> pd.DataFrame:
    """Return the opportunities as the company's facts say them."""
    deals, products = company.deals, company.products.iloc[company.deals["product"]].reset_index(drop=True)
    accounts = company.accounts.iloc[deals["account"].clip(lower=0)].reset_index(drop=True)
    has, open_ = deals["account"] >= 0, deals["outcome"] == Stage.ENGAGING
    won, lost = deals["outcome"] == Stage.WON, deals["outcome"] == Stage.LOST
    names = company.accounts["name"]
    parents = pd.Series([names[at] if at >= 0 else None for at in accounts["parent"]])
    return pd.DataFrame(
        {
            "opportunity_id": range(len(deals)),
            "product": products["name"],
            "product_series": products["series"],
            "list_price": products["price"],
            "sales_agent": company.agents["name"].to_numpy()[deals["agent"]],
            "account": accounts["name"].where(has, None),
            "sector": accounts["sector"].where(has, None),
            "account_parent": parents.where(has, None),
            "stage": deals["outcome"],
            "created_date": deals["created"],
            "engage_date": deals["created"],
            "close_date": deals["closed"],
            "close_value": deals["amount"].where(won).mask(lost, 0.0),
            "expected_close_date": deals["expected"],
            "amount": deals["amount"],
            "currency": "USD",
            "stage_name": pd.Series([STAGES[at] for at in deals["stage"]]).where(open_, None),
            "stage_position": (deals["stage"] + 1.0).where(open_),
            "crm_probability": pd.Series([CHANCES[at] for at in deals["stage"]])
            .mask(won, 1.0)
            .mask(lost, 0.0),
        }
    )


@pytest.mark.parametrize("crm", CRMS)
def test_a_preset_reads_every_fact_of_the_deals(
    opportunities: dict[str, pd.DataFrame], company: Company, crm: str
) -> None:
    found, facts = opportunities[crm], expected(company)
    absent = {name for name, crms in ONLY_IN.items() if crm not in crms}
    assert set(facts.columns) - absent <= set(found.columns)
    assert absent.isdisjoint(found.columns)
    for name in (name for name in facts.columns if name not in absent):
        left, right = found[name], facts[name]
        if right.dtype == float:
            assert (left.round(6).fillna(-1) == right.round(6).fillna(-1)).all(), name
        else:
            same = left.astype(object).where(left.notna(), None) == right.astype(object).where(
                right.notna(), None
            )
            assert (same | (left.isna() & right.isna())).all(), name


def test_the_same_opportunities_come_out_of_all_five(opportunities: dict[str, pd.DataFrame]) -> None:
    first, *others = (opportunities[crm].drop(columns=list(ONLY_IN), errors="ignore") for crm in CRMS)
    assert len(first) == 2_000
    for other in others:
        pd.testing.assert_frame_equal(first, other)


@pytest.mark.parametrize("crm", CRMS)
def test_nothing_is_set_aside_and_no_table_is_missing(taken: dict[str, Taken], crm: str) -> None:
    tables = taken[crm]
    assert {name: sifted.set_aside for name, sifted in tables.items() if sifted.set_aside} == {}
    assert {name: sifted.rows.num_rows for name, sifted in tables.items() if sifted.rows.num_rows} == {
        "raw_accounts": 85,
        "raw_products": 7,
        "raw_sales_teams": 30,
        "raw_sales_pipeline": 2_000,
    }
    assert not [told for sifted in tables.values() for told in sifted.told]

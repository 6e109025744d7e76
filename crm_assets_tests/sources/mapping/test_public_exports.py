"""Public seed files in the field names of Salesforce and HubSpot go through their presets by settings alone.

They lie beside the real dump: `crm-exports/salesforce` and `crm-exports/hubspot`, as a connector writes them.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow.compute as pc
import pytest

from crm_assets_tests.sources.mapping.conftest import Take, Taken


@pytest.fixture
def public(real_dump: Path) -> Path:
    folder = real_dump.parent / "crm-exports"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    return folder


def stages(taken: Taken) -> dict[str, int]:
    counts = pc.value_counts(taken["raw_sales_pipeline"].rows["deal_stage"]).to_pylist()
    return {count["values"]: count["counts"] for count in counts}


def test_the_seeds_of_salesforce(public: Path, take: Take) -> None:
    taken = take(public / "salesforce", "salesforce")
    deals = taken["raw_sales_pipeline"].rows
    assert stages(taken) == {"Won": 5, "Lost": 4, "Engaging": 1}
    assert {name: sifted.rows.num_rows for name, sifted in taken.items() if sifted.rows.num_rows} == {
        "raw_accounts": 1,
        "raw_products": 2,
        "raw_sales_teams": 10,
        "raw_sales_pipeline": 10,
    }
    won = deals.filter(pc.equal(deals["deal_stage"], "Won"))
    assert pc.sum(won["close_value"]).as_py() == 24_120_000
    assert deals["close_date"].null_count == 1
    assert deals["expected_close_date"].null_count == 9
    # Every row of the seeds is marked as deleted: the preset's line is not applied, and that is said.
    notes = " ".join(taken["raw_sales_pipeline"].notes)
    assert (
        "IsDeleted is true in every row, so the preset's line would leave out every deal; it is not" in notes
    )


def test_the_seeds_of_hubspot(public: Path, take: Take) -> None:
    taken = take(public / "hubspot", "hubspot")
    deals = taken["raw_sales_pipeline"].rows
    assert stages(taken) == {"Engaging": 44}
    assert deals["created_date"].null_count == 0
    # Half of the deals have an owner, one of three.
    agents = deals["sales_agent"].to_pylist()
    assert sum(agent == "unassigned" for agent in agents) == 22
    assert len(set(agents)) == 4
    # Many owners have one name, which their ids tell apart.
    assert len(set(taken["raw_sales_teams"].rows["sales_agent"].to_pylist())) == 100
    assert taken["raw_accounts"].rows.num_rows == 24
    assert pc.unique(taken["raw_accounts"].rows["revenue"].drop_null()).to_pylist() == [10.0]

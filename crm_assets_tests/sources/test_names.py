"""Names from the files to the deals: different names stay apart, and spellings of one name come together."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from crm_assets.crm.schema import RAW_ACCOUNTS as ACCOUNTS
from crm_assets.crm.schema import RAW_PRODUCTS as PRODUCTS
from crm_assets.crm.schema import RAW_SALES_PIPELINE as PIPELINE
from crm_assets.crm.schema import RAW_SALES_TEAMS as TEAMS
from crm_assets.crm.schema import RAW_TABLES, RawTable
from crm_assets.sources.csv_folder import CsvFolder
from crm_assets_tests.chain import opportunities
from crm_assets_tests.sources.test_csv_folder import in_column, rewritten

# What the files say of the first names of a table, and the column of a deal that shows it.
SHOWN = {PRODUCTS.name: "list_price", TEAMS.name: "manager", ACCOUNTS.name: "account_revenue"}
FIRST = {PRODUCTS.name: ("Product A Basic", "Product A Pro"), TEAMS.name: ("Agent 0001", "Agent 0007")}
FIRST[ACCOUNTS.name] = ("Account 0001", "Account 0002")

COMPOSED, APART = "Ren\u00e9", "Rene\u0301"
KIRTI, KARTA = "\u0915\u0940\u0930\u094d\u0924\u093f", "\u0915\u0930\u0924\u093e"


def deals(folder: Path) -> pd.DataFrame:
    taken = CsvFolder(folder, "test", quarantines=True, max_bad_share=0.05).take(*RAW_TABLES)
    assert all(one.set_aside == 0 for one in taken.values())
    return cleaned({name: one.rows for name, one in taken.items()})


def cleaned(raw: dict[str, pa.Table]) -> pd.DataFrame:
    return opportunities(raw, "2022-10").to_pandas().set_index("opportunity_id")


@pytest.fixture(scope="module")
def before(clean: dict[str, pa.Table]) -> pd.DataFrame:
    """Return the deals with the names that the sample gives them."""
    return cleaned(clean)


@pytest.mark.parametrize(
    ("table", "listed", "written"),
    [
        (PRODUCTS, ("C++", "C#"), ("C++", "C#")),
        (PRODUCTS, ("Basic", "Basic+"), ("Basic", "Basic+")),
        (PRODUCTS, ("R&D", "R & D Plus"), ("R&D", "R&DPlus")),
        (TEAMS, (KIRTI, KARTA), (KIRTI, KARTA)),
        (TEAMS, (COMPOSED, "Rene"), (APART, "Rene")),
        (TEAMS, (APART, "Ren"), (COMPOSED, "Ren")),
        (TEAMS, ("O'Brien, Ann", "Ann O"), ("O\u2019Brien Ann", "ann o")),
        (ACCOUNTS, ("0011A00000bvc8v", "0011A00000bvc8V"), ("0011A00000bvc8v", "0011A00000bvc8V")),
        (ACCOUNTS, ("4711", "0471.1"), ("4711", "0471.1")),
    ],
)
def test_each_spelling_finds_its_own_row(
    table: RawTable,
    listed: tuple[str, str],
    written: tuple[str, str],
    small_dump: Path,
    before: pd.DataFrame,
) -> None:
    (key,) = table.key
    listing, writing = (dict(zip(FIRST[table.name], names, strict=True)) for names in (listed, written))
    rewritten(in_column(key, lambda name: listing.get(name, name)), table)(small_dump)
    rewritten(in_column(key, lambda name: writing.get(name, name)), PIPELINE)(small_dump)
    after = deals(small_dump)
    assert (before[key].isin(FIRST[table.name])).any()
    pd.testing.assert_series_equal(after[SHOWN[table.name]], before[SHOWN[table.name]])
    assert set(after[key].dropna()) >= {name.replace(APART, COMPOSED) for name in listed}

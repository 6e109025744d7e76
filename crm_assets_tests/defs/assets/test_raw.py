"""Raw assets and the quarantine, materialized by the `dagster` CLI in real processes."""

from __future__ import annotations

import json
from pathlib import Path

import dagster as dg
import pytest

from crm_assets.crm.schema import RAW_ACCOUNTS, RAW_PRODUCTS, RAW_SALES_PIPELINE, RAW_TABLES, RawTable
from crm_assets.crm.tables import QUARANTINED_ROWS
from crm_assets.defs.metadata import Fact
from crm_assets_tests.sources.test_bad_input import each, put
from crm_assets_tests.sources.test_csv_folder import tables_of
from dev.place import MODULE, Place, place

RAW = [table.name for table in RAW_TABLES]


def materialized(folder: Path, dump: Path, assets: list[str], **settings: str) -> Place:
    there = place(folder, CRM_SOURCE="csv", CRM_DATA_DIR=str(dump), **settings)
    done = there.dagster("asset", "materialize", *MODULE, "--select", ",".join(assets))
    assert done.returncode == 0, done.stderr
    return there


@pytest.fixture
def spoiled(small_dump: Path) -> Path:
    """Return a dump with a price that is none, a product without a name, and two deals with the same id."""
    each(
        put(RAW_PRODUCTS, 4, sales_price="?"),
        put(RAW_PRODUCTS, 5, product=""),
        put(RAW_SALES_PIPELINE, 5, 9, opportunity_id="X"),
    )(small_dump)
    return small_dump


def rows(shown: dg.MetadataValue) -> list[list[object]]:
    """Return the rows of a table that the UI shows."""
    assert isinstance(shown, dg.TableMetadataValue)
    return [[record.data[column.name] for column in shown.schema.columns] for record in shown.records]


def test_a_run_sets_bad_rows_aside_counts_them_and_goes_on(spoiled: Path, tmp_path: Path) -> None:
    assets = [*RAW, QUARANTINED_ROWS.name, "opportunities"]
    there = materialized(tmp_path / "place", spoiled, assets, CRM_MAX_BAD_SHARE="0.2")
    quarantined = there.frame(QUARANTINED_ROWS.name)
    assert quarantined.columns.tolist() == QUARANTINED_ROWS.names
    for table in tables_of(spoiled):
        in_file = len((spoiled / table.file_name).read_text().splitlines()) - 1
        aside = quarantined.loc[quarantined["table"] == table.name, "source_row"].nunique()
        assert len(there.frame(table.name)) + aside == in_file
        shown = there.metadata(table.name)
        assert (shown["rows read"].value, shown["rows set aside"].value) == (in_file, aside)
    assert set(quarantined["rule"]) == {"product_is_there", "opportunity_id_unique"}
    assert len(there.frame("opportunities")) == len(there.frame("raw_sales_pipeline")) == 898
    (left_out,) = rows(there.metadata("raw_products")[Fact.LEFT_OUT])
    assert left_out[:2] == ["sales_price_is_a_number", 1]
    assert "row 4: '?' cannot be read as a number" in str(there.metadata("raw_products")[Fact.HOW_READ].value)
    shown = there.metadata(QUARANTINED_ROWS.name)
    assert ["raw_products", "product_is_there", 1] in rows(shown[Fact.SET_ASIDE_BY_RULE])
    assert ["raw_products", 7, 1] in rows(shown[Fact.SET_ASIDE_BY_TABLE])
    by_rule = there.metadata("raw_sales_pipeline")[Fact.SET_ASIDE_BY_RULE]
    assert ["raw_sales_pipeline", "opportunity_id_unique", 2] in rows(by_rule)


def test_where_bad_rows_stop_the_run_the_quarantine_is_an_empty_table(spoiled: Path, tmp_path: Path) -> None:
    there = materialized(tmp_path / "place", spoiled, [QUARANTINED_ROWS.name], CRM_ON_BAD_ROWS="stop")
    assert there.frame(QUARANTINED_ROWS.name).columns.tolist() == QUARANTINED_ROWS.names
    assert there.frame(QUARANTINED_ROWS.name).empty
    stopped = there.dagster("asset", "materialize", *MODULE, "--select", "raw_products")
    assert stopped.returncode != 0
    assert (
        "products.csv, column sales_price, row 4: '?' cannot be read as a number"
        in stopped.stdout + stopped.stderr
    )


@pytest.mark.parametrize("on_bad_rows", ["stop", "quarantine"])
def test_each_file_is_opened_once(on_bad_rows: str, small_dump: Path, tmp_path: Path) -> None:
    there = place(tmp_path / "place", CRM_SOURCE="csv", CRM_DATA_DIR=str(small_dump))
    done = there.python("-c", COUNT_READS, CRM_ON_BAD_ROWS=on_bad_rows)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {table.file_name: 1 for table in tables_of(small_dump)}
    assert len(there.frame("raw_sales_pipeline")) == 900
    assert there.frame(QUARANTINED_ROWS.name).empty


COUNT_READS = """
import json, sys
from collections import Counter
from pathlib import Path
import dagster as dg
from crm_assets.defs.assets.raw import raw_assets
from crm_assets.settings import get_settings
from crm_assets.defs.resources.all import run_resources

reads = Counter()
def count(event, arguments):
    if event == "open" and str(arguments[0]).endswith(".csv"):
        reads[Path(arguments[0]).name] += 1
sys.addaudithook(count)
dg.materialize(raw_assets, resources=run_resources())
print(json.dumps(reads))
"""


def test_one_bad_file_leaves_all_tables_as_they_are(small_dump: Path, tmp_path: Path) -> None:
    there = materialized(tmp_path / "place", small_dump, [*RAW, QUARANTINED_ROWS.name])
    before = there.contents()
    put(RAW_ACCOUNTS, 5, sector="mining")(small_dump)
    put(RAW_SALES_PIPELINE, *range(7, 70), deal_stage="Maybe")(small_dump)
    stopped = there.dagster("asset", "materialize", *MODULE, "--select", ",".join(RAW))
    assert stopped.returncode != 0
    said = "stage_known: 63 rows, column deal_stage, rows 7, 8, 9, 10, 11 and 58 more: 'Maybe' is not a stage"
    assert said in stopped.stdout + stopped.stderr
    assert there.contents() == before


@pytest.mark.parametrize("table", [t for t in RAW_TABLES if not t.optional_table], ids=lambda t: t.name)
def test_a_raw_table_is_materialized_alone(table: RawTable, small_dump: Path, tmp_path: Path) -> None:
    there = materialized(tmp_path / "place", small_dump, [table.name])
    assert len(there.frame(table.name)) == len((small_dump / table.file_name).read_text().splitlines()) - 1
    assert [name for name in there.contents() if name.startswith(("raw_", "quarantined"))] == [
        f"{table.name}.parquet"
    ]

"""The recipe "Add a raw table": three places, and everything else follows from the row."""

from __future__ import annotations

from pathlib import Path

from crm_assets_tests.recipes.scratch import scratch_copy

ROW = """RAW_ACTIVITIES = RawTable(
    name="raw_activities",
    file_name="activities.csv",
    description="Calls, mails and meetings about deals.",
    key=("source_row",),
    optional=("kind",),
    optional_table=True,
    dated_by=(Dating("date"),),
    columns=(
        Column("opportunity_id", "string", "The deal.", nullable=False),
        Column("date", "date", "Day of the activity.", nullable=False),
        Column("kind", "string", "Call, mail or meeting."),
        SOURCE_ROW,
    ),
)

"""
LIST = "    RAW_SALES_PIPELINE,\n    RAW_QUOTAS,\n"
IMPORT = "from crm_assets.crm.name_rules import KnownName\n"
RULES = """    RAW_ACTIVITIES.name: (
        KnownName(
            name="deal_in_sales_pipeline",
            column="opportunity_id",
            of=Of(RAW_SALES_PIPELINE.name, "opportunity_id"),
            to_the_letter=True,
            what="is no deal of sales_pipeline.csv",
            remedy="add the deal there or remove the activity",
        ),
    ),
"""
TEST = '''"""Activities: an optional table, of which a past month shows nothing later."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from crm_assets.console.replay.past import export_as_of
from crm_assets.crm.schema import RAW_ACTIVITIES, RAW_SALES_PIPELINE, RAW_TABLES
from crm_assets.errors import BadInputError
from crm_assets.sources.csv_folder import CsvFolder
from crm_assets.sources.sample import SyntheticSample
from crm_assets_tests.chain import full_dump, write_tables
from dev.place import MODULE, place


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    return write_tables(tmp_path / "full", full_dump(SyntheticSample(900, seed=1)))


def test_a_folder_without_activities_works_and_the_graph_says_so(small_dump: Path, tmp_path: Path) -> None:
    assert CsvFolder(small_dump, "test").take(*RAW_TABLES)["raw_activities"].rows.num_rows == 0
    there = place(tmp_path / "place", CRM_DATA_DIR=str(small_dump))
    assets = ",".join([*(table.name for table in RAW_TABLES), "quarantined_rows", "opportunities"])
    done = there.here("dagster", "asset", "materialize", *MODULE, "--select", assets)
    assert done.returncode == 0, done.stderr
    assert there.frame("raw_activities").columns.tolist() == RAW_ACTIVITIES.absent.column_names
    assert there.metadata("raw_activities")["in the source"].value is False
    assert len(there.frame("opportunities")) == 900
    key = dg.AssetCheckKey(dg.AssetKey("raw_activities"), "must_hold")
    with dg.DagsterInstance.from_config(str(there.folder / "dagster")) as instance:
        (record,) = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    judged = record.event.dagster_event.event_specific_data
    assert judged.passed
    assert judged.description.startswith("The source has no rows of activities.csv, which is optional")


def test_activities_of_a_header_alone_are_none(small_dump: Path) -> None:
    for text in ("opportunity_id,date,kind", "opportunity_id,date\\n\\n,\\n"):
        (small_dump / "activities.csv").write_text(text)
        rows = CsvFolder(small_dump, "test").read(RAW_ACTIVITIES)
        assert rows.num_rows == 0
        assert ("kind" in rows.column_names) is ("kind" in text)


def test_the_activities_of_a_folder_are_stored(dump: Path, tmp_path: Path) -> None:
    there = place(tmp_path / "place", CRM_DATA_DIR=str(dump))
    done = there.here("dagster", "asset", "materialize", *MODULE, "--select", "raw_activities")
    assert done.returncode == 0, done.stderr
    assert len(there.frame("raw_activities")) == 900
    assert there.metadata("raw_activities")["in the source"].value is True


def test_a_month_of_a_replay_shows_no_later_activity_and_none_of_a_later_deal(
    dump: Path, tmp_path: Path
) -> None:
    source = CsvFolder(dump, "test")
    export_as_of(source, tmp_path / "then", "2023-06")
    then = CsvFolder(tmp_path / "then", "test").take(*RAW_TABLES)
    days = then[RAW_ACTIVITIES.name].rows["date"].to_pylist()
    assert 0 < len(days) < 900
    assert max(days) <= date(2023, 6, 30) < max(source.read(RAW_ACTIVITIES)["date"].to_pylist())
    deals = set(then[RAW_SALES_PIPELINE.name].rows["opportunity_id"].to_pylist())
    assert set(then[RAW_ACTIVITIES.name].rows["opportunity_id"].to_pylist()) <= deals


def test_a_month_before_the_first_activity_has_no_file(dump: Path, tmp_path: Path) -> None:
    lines = (dump / "activities.csv").read_text().splitlines()
    (dump / "activities.csv").write_text("\\n".join([lines[0], f"{lines[1].split(',')[0]},2023-12-24,call"]))
    export_as_of(CsvFolder(dump, "test"), tmp_path / "then", "2023-06")
    assert not (tmp_path / "then" / "activities.csv").exists()
    assert CsvFolder(tmp_path / "then", "test").take(*RAW_TABLES)[RAW_ACTIVITIES.name].rows.num_rows == 0


def test_an_activity_of_no_deal_is_told(dump: Path) -> None:
    with (dump / "activities.csv").open("a") as file:
        file.write("NOBODY,2023-06-01,call\\n")
    with pytest.raises(BadInputError, match=r"^activities\\.csv, column opportunity_id, row 902: 'NOBODY'"):
        CsvFolder(dump, "test").take(RAW_ACTIVITIES)
'''
# The tests that go over all raw tables, in the rooms that the recipe touches.
CONTRACTS = (
    "crm_assets_tests/defs/test_activities.py",
    "crm_assets_tests/crm/test_rules.py",
    "crm_assets_tests/crm/test_point_in_time.py::"
    "test_rewriting_what_is_later_changes_every_date_column_and_nothing_of_what_was_known",
    "crm_assets_tests/crm/test_point_in_time.py::"
    "test_what_a_replay_exports_of_a_month_is_dated_by_its_end[2023-06-raw_activities]",
    "crm_assets_tests/defs/test_definitions.py",
    "crm_assets_tests/defs/checks/test_suites.py::test_sound_tables_break_no_rule_that_stops_the_run[raw_activities]",
    "crm_assets_tests/test_documents.py::test_what_follows_from_the_code_is_up_to_date[tables]",
)


def test_an_optional_raw_table_takes_three_places(tmp_path: Path) -> None:
    scratch = scratch_copy(tmp_path)
    before = "RAW_TABLES: tuple[RawTable, ...] = "
    scratch.edit(
        "crm_assets/crm/schema.py", (before, f"{ROW}{before}"), (LIST, f"{LIST}    RAW_ACTIVITIES,\n")
    )
    scratch.edit(
        "crm_assets/crm/raw_rules.py",
        (
            "from crm_assets.crm.rules import (",
            "from crm_assets.crm.name_rules import KnownName\nfrom crm_assets.crm.rules import (",
        ),
        ("    RAW_ACCOUNTS,\n    RAW_PRODUCTS,", "    RAW_ACCOUNTS,\n    RAW_ACTIVITIES,\n    RAW_PRODUCTS,"),
        ("    RAW_ACCOUNTS.name: (\n", f"{RULES}    RAW_ACCOUNTS.name: (\n"),
        ("from crm_assets.crm.rules import", f"{IMPORT}from crm_assets.crm.rules import"),
    )
    scratch.add("crm_assets_tests/defs/test_activities.py", TEST)
    assert len(scratch.changed()) == 3

    written = scratch.python("-m", "dev.tables_docs")
    assert written.returncode == 0, written.stderr
    row = "| `activities.csv`, if it is there | `opportunity_id`, `date` | `kind` |"
    assert row in (tmp_path / "docs/reference/input.md").read_text()

    renewed = scratch.python("-m", "crm_assets_tests.defs.described", "--renew", CRM_SOURCE="sample")
    assert renewed.returncode == 0, renewed.stderr
    assert "raw_activities" in (tmp_path / "crm_assets_tests/defs/definitions.txt").read_text()

    done = scratch.tests(*CONTRACTS)
    assert done.returncode == 0, done.stdout + done.stderr

"""Quarantine: bad rows are kept apart, untouched and with the reason; the others stay as they were."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from crm_assets.crm.schema import RAW_ACCOUNTS as ACCOUNTS
from crm_assets.crm.schema import RAW_PRODUCTS as PRODUCTS
from crm_assets.crm.schema import RAW_SALES_PIPELINE as PIPELINE
from crm_assets.crm.schema import RAW_SALES_TEAMS as TEAMS
from crm_assets.crm.schema import RAW_TABLES, RawTable
from crm_assets.crm.tables import QUARANTINED_ROWS
from crm_assets.errors import BadInputError
from crm_assets.settings import Settings
from crm_assets.sources.csv_folder import CsvFolder
from crm_assets.sources.kaggle import KaggleDataset
from crm_assets.sources.quarantine import AS_THE_HEADER, Sifted, by_rule, by_table, joined
from crm_assets.sources.sample import SyntheticSample
from crm_assets.sources.select import select_source
from crm_assets_tests.chain import opportunities, write_dump
from crm_assets_tests.sources import test_bad_input as bad_input
from crm_assets_tests.sources.quarantine_cases import CASES, LEFT_OUT, Case
from crm_assets_tests.sources.test_bad_input import LINE_BREAK, each, extend, insert, put, won
from crm_assets_tests.sources.test_csv_folder import Mutation, records, tables_of

# Rows of other fields than the header are quarantined; all else that is wrong with a file stops a run.
RAGGED = ("a row with", "rows with", "many ragged", "a ragged", "a quotation mark left open in a quoted")
STRUCTURE = [
    case
    for case in (*bad_input.FILES, *bad_input.HEADERS, *bad_input.ROWS)
    if not case.claim.startswith(RAGGED)
]
ROW_LEVEL = [*bad_input.VALUES, *bad_input.RULES, *bad_input.REFERENCES]
LIMIT = 0.05


def sifted(folder: Path) -> dict[str, Sifted]:
    return CsvFolder(folder, "test", quarantines=True).take(*RAW_TABLES)


def found(tables: dict[str, Sifted]) -> dict[tuple[str, str], set[int]]:
    """Return the rows that break each rule of each table."""
    rows: dict[tuple[str, str], set[int]] = defaultdict(set)
    for row in joined(tables).to_pylist():
        rows[row["table"], row["rule"]].add(row["source_row"])
    return dict(rows)


@dataclass(frozen=True)
class Spoiled:
    """A case, the folder of its dump, and what the source makes of it."""

    case: Case
    folder: Path
    tables: dict[str, Sifted]


@pytest.fixture(scope="module", params=CASES, ids=[case.claim for case in CASES])
def spoiled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Spoiled:
    """Return the small dump with the rows of one case, read once for all tests of the case."""
    folder = write_dump(tmp_path_factory.mktemp("spoiled") / "dump", SyntheticSample(900, seed=1))
    request.param.mutate(folder)
    return Spoiled(request.param, folder, sifted(folder))


def test_rows_that_break_a_rule_are_set_aside_and_no_others(
    spoiled: Spoiled, clean: dict[str, pa.Table]
) -> None:
    tables = spoiled.tables
    assert found(tables) == {key: set(rows) for key, rows in spoiled.case.broken.items()}
    for table in RAW_TABLES:
        aside = tables[table.name].quarantined["source_row"].unique()
        kept = tables[table.name].rows
        same = clean[table.name].filter(pc.invert(pc.is_in(clean[table.name]["source_row"], aside)))
        assert kept == same


@pytest.mark.parametrize("case", LEFT_OUT, ids=[case.claim for case in LEFT_OUT])
def test_a_wrong_value_is_left_out_where_its_row_can_be_used(case: Case, small_dump: Path) -> None:
    case.mutate(small_dump)
    tables = CsvFolder(small_dump, "test", quarantines=True, max_bad_share=LIMIT).take(*RAW_TABLES)
    assert joined(tables).num_rows == 0
    told = {(name, one.rule): one for name, taken in tables.items() for one in taken.told}
    assert told.keys() == case.broken.keys()
    for (name, rule), rows in case.broken.items():
        column = next(
            column for column in tables[name].rows.column_names[::-1] if rule_is_about(rule, column)
        )
        values = dict(zip(*(tables[name].rows[c].to_pylist() for c in ("source_row", column)), strict=True))
        assert {values[row] for row in rows} == {None}
        assert told[name, rule].sentence.endswith("as unknown.")


def rule_is_about(rule: str, column: str) -> bool:
    return column in rule or (rule, column) == ("lost_deals_bring_none", "close_value")


def test_counts_add_up_and_rows_are_kept_as_the_file_has_them(spoiled: Spoiled) -> None:
    tables = spoiled.tables
    assert joined(tables).schema == QUARANTINED_ROWS.arrow
    for table in tables_of(spoiled.folder):
        header, *rows = records(spoiled.folder, table)
        one = tables[table.name]
        quarantined = one.quarantined.to_pylist()
        distinct = {row["source_row"] for row in quarantined}
        assert len(rows) == one.rows.num_rows + len(distinct) == one.rows_read
        assert one.set_aside == len(distinct)
        assert not distinct & set(one.rows["source_row"].to_pylist())
        for row in quarantined:
            original = json.loads(row["row"])
            if row["rule"] != AS_THE_HEADER:
                assert original == dict(zip(header, rows[row["source_row"] - 2], strict=True))
            assert row["value"] == original[row["column"]]
            assert row["what"]
            assert row["remedy"]
        keys = [(row["source_row"], row["rule"], row["column"]) for row in quarantined]
        assert len(set(keys)) == len(keys)
        assert [key[0] for key in keys] == sorted(key[0] for key in keys)


@pytest.mark.parametrize("case", ROW_LEVEL, ids=[case.claim for case in ROW_LEVEL])
def test_what_stops_a_run_for_a_row_is_set_aside_and_the_rest_is_cleaned(
    case: bad_input.Case, small_dump: Path
) -> None:
    case.mutate(small_dump)
    tables = sifted(small_dump)
    assert joined(tables).num_rows or any(one.told for one in tables.values())
    deals = opportunities({name: taken.rows for name, taken in tables.items()}, "2022-10")
    assert deals.num_rows == tables[PIPELINE.name].rows.num_rows


@pytest.mark.parametrize("case", STRUCTURE, ids=[case.claim for case in STRUCTURE])
def test_a_file_that_is_no_proper_table_stops_the_run(case: bad_input.Case, small_dump: Path) -> None:
    case.mutate(small_dump)
    with pytest.raises(case.error) as caught:
        sifted(small_dump)
    assert str(caught.value).startswith(case.begins)


@pytest.mark.parametrize(
    ("table", "mutate", "begins", "count"),
    [
        (PRODUCTS, put(PRODUCTS, *range(2, 9), product=""), "products.csv", 7),
        (PIPELINE, put(PIPELINE, *range(2, 902), deal_stage="?"), "sales_pipeline.csv", 900),
    ],
    ids=["no product", "no deal"],
)
def test_a_table_of_which_nothing_is_left_stops_the_run(
    table: RawTable, mutate: Mutation, begins: str, count: int, small_dump: Path
) -> None:
    mutate(small_dump)
    with pytest.raises(BadInputError) as caught:
        CsvFolder(small_dump, "test", quarantines=True).take(table)
    sentence = str(caught.value)
    assert sentence.startswith(f"{begins}: every row is bad, so no row is left. ")
    assert f": {count} rows, column " in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_without_quarantine_the_first_broken_rule_stops_the_run(small_dump: Path) -> None:
    source = CsvFolder(small_dump, "test")
    for table in RAW_TABLES:
        one = source.take(table)[table.name]
        assert one.rows == source.read(table)
        assert one.quarantined == QUARANTINED_ROWS.arrow.empty_table()
    won(7, closed="soon")(small_dump)
    with pytest.raises(
        BadInputError,
        match=r"^sales_pipeline\.csv, column close_date, row 7: 'soon' cannot be read as a date",
    ):
        source.take(PIPELINE)


def test_blanks_are_kept_and_rows_are_numbered_as_a_spreadsheet_does(small_dump: Path) -> None:
    each(
        LINE_BREAK,
        put(PIPELINE, 7, deal_stage=" won ", product=" Product A  Pro"),
        insert(PIPELINE, 5, ""),
        insert(PIPELINE, 6, ",,,,,,,"),
    )(small_dump)
    # An account with a line break still matches its name.
    rows = sifted(small_dump)[PIPELINE.name].quarantined.to_pylist()
    assert [(row["source_row"], row["rule"], row["value"]) for row in rows] == [(9, "stage_known", " won ")]
    assert json.loads(rows[0]["row"])["product"] == " Product A  Pro"


def test_deals_of_unknown_products_agents_and_accounts_are_used(small_dump: Path) -> None:
    each(
        put(PIPELINE, 5, product="Warp", sales_agent="Nobody", account="Void Ltd"),
        put(PRODUCTS, 2, 3, product="Twice"),
    )(small_dump)
    tables = sifted(small_dump)
    assert found(tables) == {(PRODUCTS.name, "product_unique"): {2, 3}}
    raw = {name: taken.rows for name, taken in tables.items()}
    deals = opportunities(raw, "2022-10").to_pandas().set_index("opportunity_id")
    deal = deals.loc[tables[PIPELINE.name].rows["opportunity_id"][3].as_py()]
    assert deal[["product", "sales_agent", "account"]].tolist() == ["Warp", "Nobody", "Void Ltd"]
    assert deal[["list_price", "manager", "sector"]].isna().all()
    assert len(deals) == 900


def test_too_many_bad_rows_stop_the_run_with_all_rules_at_once(small_dump: Path) -> None:
    spoil = each(
        put(PIPELINE, *range(2, 42), deal_stage="Maybe"),
        put(PIPELINE, *range(42, 52), opportunity_id="X"),
        put(TEAMS, 3, 4, sales_agent=""),
        extend(PIPELINE, 60, ",more"),
    )
    spoil(small_dump)
    assert sifted(small_dump)[PIPELINE.name].set_aside == 51
    with pytest.raises(BadInputError) as caught:
        CsvFolder(small_dump, "test", quarantines=True, max_bad_share=LIMIT).take(*RAW_TABLES)
    assert str(caught.value) == (
        "sales_teams.csv: 2 of 30 (6.7%) rows cannot be used, more than CRM_MAX_BAD_SHARE=0.05 allows. "
        "sales_agent_is_there: 2 rows, column sales_agent, rows 3, 4: empty where a value is required; "
        "fill it in. "
        "Correct the file and export it again, or raise CRM_MAX_BAD_SHARE. "
        "sales_pipeline.csv: 51 of 900 (5.7%) rows cannot be used, more than CRM_MAX_BAD_SHARE=0.05 allows. "
        "as_many_fields_as_the_header: 1 row, for example row 60; "
        "stage_known: 40 rows, column deal_stage, rows 2, 3, 4, 5, 6 and 35 more: 'Maybe' is not a stage; "
        "use Prospecting, Engaging, Won, Lost; "
        "opportunity_id_unique: 10 rows, column opportunity_id, rows 42, 43, 44, 45, 46 and 5 more: 'X' "
        "appears more than once; keep one row per opportunity_id. "
        "Correct the file and export it again, or raise CRM_MAX_BAD_SHARE."
    )


def test_no_deals_are_set_aside_by_their_outcome(small_dump: Path) -> None:
    rows = records(small_dump, PIPELINE)
    lost = [at for at, row in enumerate(rows, start=1) if row[PIPELINE.names.index("deal_stage")] == "Lost"]
    put(PIPELINE, *lost, close_value="")(small_dump)
    assert found(CsvFolder(small_dump, "test", quarantines=True, max_bad_share=LIMIT).take(*RAW_TABLES)) == {}
    put(PIPELINE, *lost[:20], close_date="")(small_dump)
    source = CsvFolder(small_dump, "test", quarantines=True, max_bad_share=LIMIT)
    with pytest.raises(BadInputError, match=r"20 of \d+ \([\d.]+%\) Lost deals cannot be used, more than"):
        source.take(*RAW_TABLES)


def test_values_that_cannot_be_read_stop_the_run_where_they_are_many(small_dump: Path) -> None:
    put(ACCOUNTS, *range(2, 50), employees="few")(small_dump)
    with pytest.raises(
        BadInputError, match=r"^accounts\.csv, column employees: more values cannot be read than"
    ):
        CsvFolder(small_dump, "test", quarantines=True, max_bad_share=LIMIT).take(ACCOUNTS)


def test_rows_that_are_set_aside_have_no_say_in_the_months(small_dump: Path) -> None:
    before = CsvFolder(small_dump, "test").month_range()
    won(7, engaged="2150-01-02")(small_dump)
    assert CsvFolder(small_dump, "test").month_range() != before
    assert CsvFolder(small_dump, "test", quarantines=True).month_range() == before


def test_counts_are_told_by_table_and_by_rule(small_dump: Path) -> None:
    each(put(PIPELINE, 4, opportunity_id="", deal_stage=""), put(PIPELINE, 5, 6, deal_stage="?"))(small_dump)
    tables = sifted(small_dump)
    assert by_table(tables).set_index("table").loc[PIPELINE.name].tolist() == [900, 3]
    counts = by_rule(joined(tables)).to_numpy().tolist()
    assert counts == [
        [PIPELINE.name, "stage_known", 2],
        [PIPELINE.name, "deal_stage_is_there", 1],
        [PIPELINE.name, "opportunity_id_is_there", 1],
    ]


@pytest.mark.parametrize(
    ("settings", "quarantines"),
    [
        ({"source": "csv"}, True),
        ({"source": "csv", "on_bad_rows": "stop"}, False),
        ({"source": "csv", "on_bad_rows": "quarantine"}, True),
        ({"source": "kaggle", "on_bad_rows": "quarantine"}, True),
        ({"source": "sample", "on_bad_rows": "quarantine"}, False),
    ],
)
def test_the_settings_say_whether_a_source_quarantines(
    settings: dict[str, str], quarantines: bool, tmp_path: Path
) -> None:
    chosen = select_source(Settings.model_validate({"data_dir": tmp_path, **settings}))
    assert chosen.quarantines is quarantines


def test_a_download_is_sifted_as_a_folder_is(small_dump: Path, tmp_path: Path) -> None:
    (tmp_path / "owner__name").symlink_to(small_dump)
    put(PIPELINE, 5, deal_stage="")(small_dump)
    kaggle = KaggleDataset("owner/name", tmp_path, "test", quarantines=True)
    assert kaggle.take(PIPELINE)[PIPELINE.name].quarantined["source_row"].to_pylist() == [5]


def test_nothing_of_the_sample_is_set_aside() -> None:
    sample = SyntheticSample(900, seed=1)
    for table in RAW_TABLES:
        taken = sample.take(table)[table.name]
        assert taken.rows == sample.read(table)
        assert taken.set_aside == 0


def test_nothing_of_the_real_dump_is_set_aside(real_dump: Path) -> None:
    for name, one in CsvFolder(real_dump, "test", quarantines=True).take(*RAW_TABLES).items():
        assert one.rows == CsvFolder(real_dump, "test").take(*RAW_TABLES)[name].rows
        assert one.quarantined == QUARANTINED_ROWS.arrow.empty_table()
    assert by_rule(QUARANTINED_ROWS.arrow.empty_table()).empty

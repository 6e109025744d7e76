"""Quarantine: bad rows are kept apart, untouched and with the reason; the others stay as they were."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import ibis
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from crm_assets.crm.cleaning import opportunities
from crm_assets.crm.raw_rules import rules_of
from crm_assets.crm.schema import RAW_ACCOUNTS as ACCOUNTS
from crm_assets.crm.schema import RAW_PRODUCTS as PRODUCTS
from crm_assets.crm.schema import RAW_SALES_PIPELINE as PIPELINE
from crm_assets.crm.schema import RAW_TABLES, RawTable
from crm_assets.crm.tables import QUARANTINED_ROWS
from crm_assets.errors import BadInputError
from crm_assets.settings import Settings
from crm_assets.sources.csv_folder import CsvFolder
from crm_assets.sources.kaggle import KaggleDataset
from crm_assets.sources.quarantine import Sifted, by_rule, by_table, joined
from crm_assets.sources.sample import SyntheticSample
from crm_assets.sources.select import select_source
from crm_assets_tests.sources import test_bad_input as bad_input
from crm_assets_tests.sources.quarantine_cases import CASES, Case
from crm_assets_tests.sources.test_bad_input import LINE_BREAK, each, insert, put, won
from crm_assets_tests.sources.test_csv_folder import Mutation, records, tables_of

# The rule that a deal breaks if its product, agent or account is missing.
REFERENCES = {
    rule.other_table: rule.name for rule in rules_of(PIPELINE) if rule.other_table and rule.severity == "must"
}
STRUCTURE = [*bad_input.FILES, *bad_input.HEADERS, *bad_input.ROWS]
ROW_LEVEL = [*bad_input.VALUES, *bad_input.RULES, *bad_input.REFERENCES]


def sifted(folder: Path) -> dict[str, Sifted]:
    return CsvFolder(folder, "test", quarantines=True).take(*RAW_TABLES)


def found(tables: dict[str, Sifted]) -> dict[tuple[str, str], set[int]]:
    """Return the rows that break each rule of each table."""
    rows: dict[tuple[str, str], set[int]] = defaultdict(set)
    for row in joined(tables).to_pylist():
        rows[row["table"], row["rule"]].add(row["source_row"])
    return dict(rows)


def expected(case: Case, folder: Path, clean: dict[str, pa.Table]) -> dict[tuple[str, str], set[int]]:
    """Return the rows that should break each rule, with the deals of lost products, agents and accounts."""
    rows = defaultdict(set, {key: set(rows) for key, rows in case.broken.items()})
    for lookup, row in case.lost:
        name = clean[lookup.name][lookup.key[0]][row - 2].as_py()
        at = PIPELINE.names.index(lookup.key[0])
        deals = [n for n, deal in enumerate(records(folder, PIPELINE), start=1) if deal[at] == name]
        assert deals
        rows[PIPELINE.name, REFERENCES[lookup.name]] |= set(deals)
    return dict(rows)


@pytest.mark.parametrize("case", CASES, ids=[case.claim for case in CASES])
def test_rows_that_break_a_rule_are_set_aside_and_no_others(case: Case, small_dump: Path) -> None:
    clean = {name: taken.rows for name, taken in CsvFolder(small_dump, "test").take(*RAW_TABLES).items()}
    case.mutate(small_dump)
    tables = sifted(small_dump)
    assert found(tables) == expected(case, small_dump, clean)
    for table in RAW_TABLES:
        aside = tables[table.name].quarantined["source_row"].unique()
        kept = tables[table.name].rows
        same = clean[table.name].filter(pc.invert(pc.is_in(clean[table.name]["source_row"], aside)))
        assert kept == same


@pytest.mark.parametrize("case", CASES, ids=[case.claim for case in CASES])
def test_counts_add_up_and_rows_are_kept_as_the_file_has_them(case: Case, small_dump: Path) -> None:
    case.mutate(small_dump)
    tables = sifted(small_dump)
    assert joined(tables).schema == QUARANTINED_ROWS.arrow
    for table in tables_of(small_dump):
        header, *rows = records(small_dump, table)
        one = tables[table.name]
        quarantined = one.quarantined.to_pylist()
        distinct = {row["source_row"] for row in quarantined}
        assert len(rows) == one.rows.num_rows + len(distinct) == one.rows_read
        assert one.set_aside == len(distinct)
        assert not distinct & set(one.rows["source_row"].to_pylist())
        for row in quarantined:
            original = json.loads(row["row"])
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
    assert joined(tables).num_rows
    raw = {name: ibis.memtable(taken.rows) for name, taken in tables.items()}
    assert len(opportunities(raw, "2022-10").to_pyarrow()) == tables[PIPELINE.name].rows.num_rows


@pytest.mark.parametrize("case", STRUCTURE, ids=[case.claim for case in STRUCTURE])
def test_a_file_that_is_no_proper_table_stops_the_run(case: bad_input.Case, small_dump: Path) -> None:
    case.mutate(small_dump)
    with pytest.raises(case.error) as caught:
        sifted(small_dump)
    assert str(caught.value).startswith(case.begins)


@pytest.mark.parametrize(
    ("table", "mutate", "begins"),
    [
        (PRODUCTS, put(PRODUCTS, *range(2, 9), sales_price="-1"), "products.csv"),
        (PIPELINE, put(PRODUCTS, *range(2, 9), sales_price="-1"), "products.csv"),
        (PIPELINE, put(PIPELINE, *range(2, 902), product="Warp"), "sales_pipeline.csv"),
    ],
    ids=["no product", "no product for any deal", "no deal"],
)
def test_a_table_of_which_nothing_is_left_stops_the_run(
    table: RawTable, mutate: Mutation, begins: str, small_dump: Path
) -> None:
    mutate(small_dump)
    with pytest.raises(BadInputError) as caught:
        CsvFolder(small_dump, "test", quarantines=True).take(table)
    sentence = str(caught.value)
    assert sentence.startswith(f"{begins}: every row is bad, so no row is left; correct the file. ")
    assert f"The first fault: {begins}, column " in sentence
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


def test_a_missing_account_breaks_no_rule_and_a_renamed_one_that_of_its_deals(small_dump: Path) -> None:
    each(put(PIPELINE, 5, account=""), put(PIPELINE, 6, 8, account="ACCOUNT-0004"))(small_dump)
    assert found(sifted(small_dump)) == {}
    put(ACCOUNTS, 5, account="Elsewhere")(small_dump)
    rows = found(sifted(small_dump))
    assert rows.keys() == {(PIPELINE.name, "account_in_accounts")}
    assert {6, 8} <= rows[PIPELINE.name, "account_in_accounts"]


def test_a_deal_says_whether_its_product_is_missing_or_set_aside(small_dump: Path) -> None:
    each(
        put(PRODUCTS, 2, sales_price="?"),
        put(PIPELINE, 3, product="product-a basic"),
        put(PIPELINE, 4, product="Warp"),
    )(small_dump)
    rows = sifted(small_dump)[PIPELINE.name].quarantined.to_pylist()
    what = {row["source_row"]: row["what"] for row in rows}
    assert what[3] == "is in products.csv, but its row is quarantined"
    assert what[4] == "is not in products.csv"


def test_rows_that_are_set_aside_have_no_say_in_the_months(small_dump: Path) -> None:
    before = CsvFolder(small_dump, "test").month_range()
    won(7, engaged="2150-01-02")(small_dump)
    assert CsvFolder(small_dump, "test").month_range() != before
    assert CsvFolder(small_dump, "test", quarantines=True).month_range() == before


def test_counts_are_told_by_table_and_by_rule(small_dump: Path) -> None:
    each(put(PIPELINE, 4, product="", deal_stage=""), put(PIPELINE, 5, 6, account="Void"))(small_dump)
    tables = sifted(small_dump)
    assert by_table(tables).set_index("table").loc[PIPELINE.name].tolist() == [900, 3]
    counts = by_rule(joined(tables)).to_numpy().tolist()
    assert counts == [
        [PIPELINE.name, "account_in_accounts", 2],
        [PIPELINE.name, "deal_stage_is_there", 1],
        [PIPELINE.name, "product_is_there", 1],
    ]


@pytest.mark.parametrize(
    ("settings", "quarantines"),
    [
        ({"source": "csv"}, False),
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
    put(PIPELINE, 5, product="Warp")(small_dump)
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

"""A mapping is read as it is written, and what is wrong with it is told in a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from crm_assets.errors import SettingsError
from crm_assets.sources.mapping.guess.draft import SCHEMA
from crm_assets.sources.mapping.load import PRESETS, load, parse
from dev.mapping_docs import json_schema

HERE = Path("crm.yaml")


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_valid_mapping(name: str) -> None:
    mapping = load(name).mapping
    assert mapping.preset == name
    assert mapping.deals.columns["opportunity_id"]


def test_the_json_schema_for_editors_is_that_of_the_code() -> None:
    assert SCHEMA.read_text("utf-8") == json_schema(), "run `make docs`"


def test_a_line_replaces_that_of_the_preset_and_leaves_the_others() -> None:
    loaded = parse(
        "preset: pipedrive\ndeals:\n  columns:\n    amount: weighted_value\n    pipeline: null\n", HERE
    )
    columns, preset = loaded.mapping.deals.columns, load("pipedrive").mapping.deals.columns
    assert columns["amount"].column == "weighted_value"
    assert "pipeline" not in columns
    assert columns["account"] == preset["account"]
    assert loaded.wrote("deals", "columns", "amount")
    assert not loaded.wrote("deals", "columns", "account")


def test_the_files_of_the_data_set_are_the_default() -> None:
    assert parse("money: {currency: EUR}", HERE).mapping.deals == load("kaggle").mapping.deals


def test_a_section_without_lines_changes_nothing() -> None:
    text = "preset: odoo\ndeals:\n  # stage: stage_id\n"
    assert parse(text, HERE).mapping == load("odoo").mapping


def test_texts_are_read_as_they_stand() -> None:
    text = "preset: none\nfiles: {deals: d}\nstages: {open: [No, 0061, 1.50], won: yes, lost: null}\n"
    stages = parse(text, HERE).mapping.stages
    assert stages.open == (("No",), ("0061",), ("1.50",))
    assert stages.won == ("yes",)
    assert stages.lost == ()


WRONG = {
    "an unknown preset": (
        "preset: zoho",
        r"crm\.yaml, preset: there is no preset 'zoho'; choose kaggle, .*none",
    ),
    "an unknown key": (
        "deal: {}",
        r"crm\.yaml, deal: no such key; did you mean deals\? There are preset, files,",
    ),
    "an unknown key below": (
        "stages: {opne: [a]}",
        r"crm\.yaml, stages: opne: no such key; did you mean open\? There are prospecting, open, won",
    ),
    "an unknown key in a value": (
        "deals: {columns: {amount: [{colum: X}]}}",
        r"deals: columns: amount: item 1: colum: no such key; did you mean column\? There are column, ",
    ),
    "an unknown column": (
        "deals: {columns: {amout: X}}",
        r"deals: columns: amout: we have no such column; did you mean amount\? There are opportunity_id, ",
    ),
    "a column that follows from the stage": ("deals: {columns: {stage_name: X}}", "we have no such column"),
    "an unknown file": (
        "deals: {columns: {product: {file: items, id: id, its: deal, take: name}}}",
        r"deals: columns: product: there is no 'items' under files; add it there, or use one of deals, ",
    ),
    "a lookup without its id": (
        "deals: {columns: {product: {file: products, id: id}}}",
        "a value from another file also needs its and take",
    ),
    "two kinds of value": (
        "deals: {columns: {amount: {column: a, text: b}}}",
        "names column, text; name one of column, first_of",
    ),
    "a rate of nothing": ("money: {rates: {EUR: 0}}", "the rate of EUR is not above 0"),
    "a currency in words": ("money: {currency: euro}", r"money: currency: string should match pattern"),
    "a key twice": ("deals: {}\ndeals: {}", r"crm\.yaml, line 2: .*'deals' appears twice; keep one of them"),
    "a broken line": ("deals:\n  - a\n b: c", r"crm\.yaml, line \d: not readable as YAML: "),
    "a list": ("- a\n", r"crm\.yaml: should hold keys and values, such as `preset: salesforce`"),
    "a date format nobody knows": (
        "formats: {dates: european}",
        r"formats: dates: 'european' is no way to write dates; write, for example, D/M/YYYY",
    ),
    "a number format nobody knows": (
        "formats: {numbers: comma}",
        r"formats: numbers: .*'1,234\.5' or '1\.234,5'",
    ),
    "a time zone nobody knows": (
        "formats: {time_zone: Mars/North}",
        r"formats: time_zone: there is no time zone 'Mars/North'; write, for example, Europe/Berlin",
    ),
}


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=WRONG)
def test_a_wrong_mapping_is_told_with_its_place_and_what_there_is(text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        parse(text, HERE)


def test_a_choice_that_is_neither_a_preset_nor_a_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"CRM_MAPPING=salesforse is neither .*Did you mean salesforce\?"):
        load("salesforse")
    with pytest.raises(SettingsError, match=r"is neither a preset nor a file that exists; name a preset"):
        load(str(tmp_path / "crm.yaml"))
    with pytest.raises(SettingsError, match=r"cannot be opened \(Is a directory\)"):
        load(str(tmp_path))


def test_a_mapping_in_another_encoding_is_told(tmp_path: Path) -> None:
    path = tmp_path / "crm.yaml"
    path.write_bytes("preset: none\nstages: {won: gewönne}\n".encode("cp1252"))
    with pytest.raises(SettingsError, match="is not UTF-8 text; save it with the encoding UTF-8"):
        load(str(path))

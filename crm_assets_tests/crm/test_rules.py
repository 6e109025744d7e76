"""Every rule of a raw table says what is wrong and what to do, and works in sources and gates."""

from __future__ import annotations

import ibis
import pyarrow as pa
import pytest

from crm_assets.crm.name_rules import KnownName, OneSpelling
from crm_assets.crm.raw_rules import RAW_RULES, rules_of
from crm_assets.crm.rules import NotInTheFuture, Of, Read, Rule
from crm_assets.crm.schema import RAW_TABLES, RawTable

ALL = [
    pytest.param(table, rule, id=f"{table.name} {rule.name}")
    for table in RAW_TABLES
    for rule in rules_of(table)
]


@pytest.mark.parametrize(("table", "rule"), ALL)
def test_a_rule_blames_a_column_and_says_what_is_wrong_and_what_to_do(table: RawTable, rule: Rule) -> None:
    import great_expectations.expectations as gxe

    assert rule.blames in table.names
    assert rule.what
    assert not rule.what.endswith(".")
    assert rule.remedy[0].islower()
    assert not rule.remedy.endswith(".")
    assert hasattr(gxe, rule.expectation)


@pytest.mark.parametrize("table", RAW_TABLES, ids=lambda table: table.name)
def test_the_names_of_a_tables_rules_differ(table: RawTable) -> None:
    names = [rule.name for rule in rules_of(table)]
    assert len(names) == len(set(names))


def test_rules_are_declared_for_tables_that_there_are() -> None:
    assert set(RAW_RULES) <= {table.name for table in RAW_TABLES}


@pytest.mark.parametrize("table", RAW_TABLES, ids=lambda table: table.name)
def test_a_table_stands_after_those_that_its_rules_look_into(table: RawTable) -> None:
    before = {other.name for other in RAW_TABLES[: RAW_TABLES.index(table) + 1]}
    assert {rule.other_table for rule in rules_of(table)} - {None} <= before


@pytest.mark.parametrize("table", RAW_TABLES, ids=lambda table: table.name)
def test_required_values_keys_numbers_and_dates_are_judged_by_rules_that_nobody_writes(
    table: RawTable,
) -> None:
    names = {rule.name for rule in rules_of(table)} - {rule.name for rule in RAW_RULES.get(table.name, ())}
    assert {f"{column.name}_is_there" for column in table.columns if not column.nullable} <= names
    dated = {rule.column for rule in rules_of(table) if isinstance(rule, NotInTheFuture)}
    assert dated == {column.name for column in table.columns if column.dtype == "date"} - {*table.undated}


def test_a_name_is_known_by_its_looks_and_an_identifier_to_the_letter() -> None:
    here = ibis.memtable(pa.table({"name": ["GTXPro", "gtx-pro", "Warp", None]}))
    there = ibis.memtable(pa.table({"product": ["GTX Pro"]}))
    rule = KnownName(name="known", column="name", of=Of("raw_products", "product"))
    exact = KnownName(name="known", column="name", of=Of("raw_products", "product"), to_the_letter=True)
    assert rule.resolved(here, reading(there)).faulty == ("Warp",)
    assert exact.resolved(here, reading(there)).faulty == ("GTXPro", "Warp", "gtx-pro")


def test_all_spellings_of_a_name_that_has_two_are_told() -> None:
    here = ibis.memtable(pa.table({"name": ["A b", "A  b", "Ab", "C", "C"]}))
    assert OneSpelling(name="one", column="name").resolved(here, reading(here)).faulty == ("A  b", "A b")
    confusable = OneSpelling(name="one", column="name", confusable=True)
    assert confusable.resolved(here, reading(here)).faulty == ("A  b", "A b", "Ab")


def test_a_rule_that_looks_elsewhere_is_resolved_before_it_judges() -> None:
    here = ibis.memtable(pa.table({"name": ["C"]}))
    with pytest.raises(TypeError, match=r"^one: resolve the rule first"):
        OneSpelling(name="one", column="name").broken(here)


def reading(table: ibis.Table) -> Read:
    return lambda name, *, whole_history=False: table

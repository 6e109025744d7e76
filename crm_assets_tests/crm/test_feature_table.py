"""The contract of a feature row: the test names the row and the part that is missing."""

from __future__ import annotations

from dataclasses import replace

import ibis
import pytest

from crm_assets.crm.all_features import ALL_FEATURES, feature
from crm_assets.crm.as_of import as_of
from crm_assets.crm.deals import DETAILS, DIMENSIONS, MONTHLY_SNAPSHOTS, MONTHS, OPPORTUNITIES
from crm_assets.crm.feature import Feature, carried_columns
from crm_assets.crm.feature_table import FEATURE_NAMES, FEATURES, LABEL
from crm_assets.crm.lineage import origins
from crm_assets.crm.monthly import unbound
from crm_assets.defs.checks.features import FEATURES as GATES
from crm_assets.modeling.leak_audit import COLUMNS, JUDGED

KNOWN = as_of(unbound(MONTHLY_SNAPSHOTS), unbound(MONTHS))
ARROW = {"category": "string"}
EXAMPLES = {"category": ["some name"], "boolean": ["True", "False"], "int64": ["1", "2", "3"]}


def lacks(row: Feature) -> list[str]:
    """Return what a row lacks, in words."""
    made = str(row.expression(KNOWN).type().copy(nullable=True))
    read = {table for table, _ in row.origins}
    texts = {text: row.said(text) for text in EXAMPLES.get(row.dtype, ["0.31111", "1", "5"])}
    needs = {
        "a description that ends with a full stop": row.description.endswith("."),
        "a unit": bool(row.unit) or not row.is_number,
        "bounds; (None, None) where every number is possible": row.bounds is not None or not row.is_number,
        "a number's dtype, since it has bounds": row.bounds is None or row.is_number,
        "what a sales person reads where it is missing": bool(row.missing) or not row.nullable,
        f"an expression of its dtype: it gives {made}": made == ARROW.get(row.dtype, row.dtype),
        # A feature that reads only the calendar needs no column of a deal.
        "sources": bool(row.sources) or MONTHS.name in read,
    } | {
        f"a label in a sales person's words: {text} reads {said!r}": bool(said.strip()) and "_" not in said
        for text, said in texts.items()
    }
    return [what for what, there in needs.items() if not there]


@pytest.mark.parametrize("row", ALL_FEATURES, ids=lambda row: row.name)
def test_a_feature_lacks_nothing(row: Feature) -> None:
    assert lacks(row) == []


def test_the_design_promises_23_features_of_different_names() -> None:
    assert len(FEATURES) == len(set(FEATURE_NAMES)) == 23


def test_what_a_row_lacks_is_told() -> None:
    row = feature("days_open_vs_median_cycle")
    assert lacks(replace(row, unit="")) == ["a unit"]
    assert lacks(replace(row, bounds=None)) == ["bounds; (None, None) where every number is possible"]
    assert lacks(replace(row, missing="")) == ["what a sales person reads where it is missing"]
    assert lacks(replace(row, dtype="int64")) == ["an expression of its dtype: it gives float64"]
    assert lacks(replace(row, expression=lambda _: ibis.literal(1.0))) == ["sources"]
    assert lacks(replace(row, label=lambda _: row.name))[0].startswith("a label in a sales person's words")


def test_only_calendar_features_are_made_from_no_column_of_a_deal() -> None:
    assert [row.name for row in FEATURES if not row.sources] == ["month_of_quarter"]


@pytest.mark.parametrize(
    ("name", "sources"),
    [
        ("product_series", ("product",)),
        ("regional_office", ("sales_agent",)),
        ("account_age_years", ("account",)),
        ("is_subsidiary", ("account",)),
        ("days_open_vs_median_cycle", ("engage_date",)),
        ("agent_win_rate", ("sales_agent",)),
        ("account_closed_deals", ("account",)),
    ],
)
def test_sources_are_read_from_the_expression(name: str, sources: tuple[str, ...]) -> None:
    assert feature(name).sources == sources


def test_an_aggregate_of_a_column_is_made_from_it_and_from_what_it_is_grouped_and_counted_by() -> None:
    taken = unbound(MONTHLY_SNAPSHOTS)
    counted = taken.filter(taken.account.notnull()).group_by("manager").agg(price=taken.list_price.mean())
    made = origins(taken.left_join(counted, "manager").price)
    assert {column for _, column in made} == {"account", "manager", "list_price"}


def test_the_audit_looks_at_what_features_are_made_from_and_at_nothing_a_snapshot_rebuilds() -> None:
    assert {column.name for column in (*DIMENSIONS, *DETAILS)} - set(JUDGED) == {"currency"}
    assert COLUMNS["amount_vs_list_price"] == ["amount", "list_price", "product"]
    assert COLUMNS["is_subsidiary"] == ["account_parent", "account"]
    assert COLUMNS["manager"] == ["manager", "sales_agent"]
    assert COLUMNS["days_open"] == ["engage_date"]
    assert set(OPPORTUNITIES.names) - carried_columns() == {"stage", "close_date", "close_value"}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("days_open", "9", "open for 9 days"),
        ("days_open", "1", "open for 1 day"),
        ("days_open_vs_median_cycle", "0.31111", "open for 31 % of the usual cycle"),
        ("days_open_vs_median_cycle", "none", "usual cycle unknown"),
        ("agent_win_rate", "0.64", "agent wins 64 % of closed deals"),
        ("list_price", "26768", "list price of 26,768 USD"),
        ("list_price", "2.6768e+04", "list price of 26,768 USD"),
        ("has_account", "False", "no account recorded"),
        ("engage_day_of_week", "0", "engaged on a Monday"),
        ("month_of_quarter", "3", "last month of the quarter"),
        ("product", "GTX Pro", "product GTX Pro"),
    ],
)
def test_a_sales_person_reads_a_sentence(name: str, text: str, said: str) -> None:
    assert feature(name).said(text) == said


def test_every_bound_is_a_gate() -> None:
    judged = {rule.name for rule in GATES.rules}
    bounded = [row.name for row in FEATURES if row.bounds not in (None, (None, None))]
    assert {f"{name}_in_range" for name in bounded} <= judged


def test_no_feature_is_or_is_made_from_what_exists_only_after_a_deal_ended() -> None:
    outcome = {"close_value", "close_date", "stage", LABEL.name}
    assert not outcome & set(FEATURE_NAMES)
    assert not outcome & {source for row in FEATURES for source in row.sources}
    assert not {"close_value"} & {column for row in FEATURES for _, column in row.origins}

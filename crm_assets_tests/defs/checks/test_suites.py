"""Every rule of every suite catches its defect with both judges, and names the rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crm_assets.defs.checks.evaluate import Verdict, evaluate
from crm_assets.storage.folder import Folder
from crm_assets.storage.tables import TableStore
from crm_assets_tests.chain import run_chain
from crm_assets_tests.defs.checks.conftest import SUITES, Damage, Tables

MONTH = "2023-06"
COLUMNS = "columns_and_types_as_declared"


@dataclass(frozen=True)
class Case:
    """A damage to a stored table, and the rules that it must break."""

    table: str
    damage: Damage
    broken: dict[str, int]
    month: str | None = None

    def __str__(self) -> str:
        return f"{self.table}: {', '.join(self.broken)}"


def put(
    column: str, value: Any, rows: int = 2, where: Callable[[pd.DataFrame], pd.Series] | None = None
) -> Damage:
    """Return a damage that overwrites a column in the first rows, or in the first of some rows."""

    def damage(frame: pd.DataFrame) -> pd.DataFrame:
        chosen = frame.index[where(frame).fillna(value=False)] if where else frame.index
        frame.loc[chosen[:rows], column] = value
        return frame

    return damage


def repeat(rows: int) -> Damage:
    return lambda frame: pd.concat([frame, frame.head(rows)], ignore_index=True)


def staged(*stages: str, column: str = "deal_stage") -> Callable[[pd.DataFrame], pd.Series]:
    return lambda frame: frame[column].isin(stages)


def both(*damages: Damage) -> Damage:
    def damage(frame: pd.DataFrame) -> pd.DataFrame:
        for one in damages:
            frame = one(frame)
        return frame

    return damage


def _no_product(frame: pd.DataFrame) -> pd.DataFrame:
    return put("product", "Product A Prox")(frame)


PIPELINE, SNAPSHOTS, FEATURES = "raw_sales_pipeline", "monthly_snapshots", "win_features"
DEALS, TRAINING, PREDICTIONS = "opportunities", "training_set", "win_predictions"

CASES = [
    Case("raw_accounts", repeat(2), {"account_unique": 4}),
    Case("raw_accounts", put("account", None), {"account_is_there": 2}),
    Case("raw_accounts", put("revenue", -1.0), {"revenue_not_negative": 2}),
    Case("raw_accounts", put("employees", -1), {"employees_not_negative": 2}),
    Case("raw_accounts", put("year_established", 99), {"year_established_possible": 2}),
    Case("raw_accounts", put("sector", "technolgy"), {"sector_spelled_right": 2}),
    Case("raw_accounts", put("subsidiary_of", "Nobody"), {"parent_is_an_account": 2}),
    Case("raw_products", put("sales_price", -5.0, 1), {"sales_price_not_negative": 1, "price_above_zero": 1}),
    Case("raw_sales_teams", put("manager", None), {"manager_recorded": 2}),
    Case("raw_sales_teams", put("regional_office", None), {"office_recorded": 2}),
    Case("raw_sales_teams", repeat(1), {"sales_agent_unique": 2}),
    Case(PIPELINE, repeat(3), {"opportunity_id_unique": 6}),
    Case(PIPELINE, put("opportunity_id", None, 1), {"opportunity_id_is_there": 1}),
    Case(PIPELINE, put("deal_stage", "Almost", 1, staged("Engaging")), {"stage_known": 1}),
    Case(PIPELINE, put("engage_date", None, 2, staged("Engaging")), {"engaged_deals_have_engage_date": 2}),
    Case(
        PIPELINE,
        put("engage_date", date(2023, 1, 5), 2, staged("Prospecting")),
        {"prospects_have_no_engage_date": 2},
    ),
    Case(PIPELINE, put("close_date", None, 2, staged("Won")), {"closed_deals_have_close_date": 2}),
    Case(
        PIPELINE,
        put("close_date", date(2023, 12, 5), 2, staged("Engaging")),
        {"open_deals_have_no_close_date": 2},
    ),
    Case(PIPELINE, put("close_date", date(2020, 1, 1), 2, staged("Lost")), {"close_not_before_engage": 2}),
    Case(PIPELINE, put("close_value", None, 2, staged("Won")), {"won_deals_have_close_value": 2}),
    Case(PIPELINE, put("close_value", 9.0, 2, staged("Engaging")), {"open_deals_have_no_close_value": 2}),
    Case(
        PIPELINE,
        put("close_value", -9.0, 2, staged("Lost")),
        {"close_value_not_negative": 2},
    ),
    Case(PIPELINE, put("close_value", 0.0, 2, staged("Won")), {"won_deals_bring_revenue": 2}),
    Case(PIPELINE, put("close_value", 7.0, 2, staged("Lost")), {"lost_deals_bring_none": 2}),
    Case(PIPELINE, _no_product, {"product_spelled_as_in_products": 2}),
    Case(PIPELINE, put("sales_agent", "agent 0001"), {"agent_spelled_as_in_sales_teams": 2}),
    Case(
        PIPELINE,
        put("account", "Unheard Of"),
        {"account_in_accounts": 2, "account_spelled_as_in_accounts": 2},
    ),
    Case(
        PIPELINE,
        put("engage_date", date(2190, 1, 1), 2, staged("Engaging")),
        {"engage_date_not_in_the_future": 2},
    ),
    Case("raw_products", put("product", "product-a-PRO", 1), {"product_not_confusable": 2}),
    Case(PIPELINE, lambda frame: frame.drop(columns="close_value"), {COLUMNS: 1}),
    Case(DEALS, repeat(2), {"opportunity_id_unique": 4}),
    Case(DEALS, put("list_price", -1.0), {"list_price_not_negative": 2}),
    Case(DEALS, put("product", "Product X"), {"product_in_products": 2}),
    Case(DEALS, put("sales_agent", "Nobody"), {"agent_in_sales_teams": 2}),
    Case(DEALS, put("account", "Nobody"), {"account_in_accounts": 2}),
    Case(DEALS, put("sector", "technolgy"), {"sector_spelled_right": 2}),
    Case(DEALS, put("stage", "Maybe", 2, staged("Engaging", column="stage")), {"stage_known": 2}),
    Case(
        DEALS,
        put("close_date", date(2020, 1, 1), 2, staged("Won", column="stage")),
        {"close_not_before_engage": 2},
    ),
    Case(
        DEALS,
        put("created_date", date(2024, 1, 1), 2, staged("Won", column="stage")),
        {"engaged_not_before_created": 2},
    ),
    Case(DEALS, put("created_date_source", "a guess"), {"created_date_source_known": 2}),
    Case(SNAPSHOTS, repeat(2), {"snapshot_month_and_opportunity_id_unique": 4}, MONTH),
    Case(SNAPSHOTS, put("created_date", date(2023, 7, 1)), {"created_by_month_end": 2}, MONTH),
    Case(
        SNAPSHOTS,
        put("engage_date", date(2023, 7, 1), 2, staged("Engaging", column="stage")),
        {"engaged_by_month_end": 2},
        MONTH,
    ),
    Case(
        SNAPSHOTS,
        put("close_date", date(2023, 7, 1), 2, staged("Won", column="stage")),
        {"closed_by_month_end": 2},
        MONTH,
    ),
    Case(
        SNAPSHOTS,
        put("close_date", date(2023, 6, 1), 2, staged("Engaging", column="stage")),
        {"open_deals_have_no_close_date": 2},
        MONTH,
    ),
    Case(SNAPSHOTS, lambda frame: frame.head(10), {"deals_not_far_below_history": 1}, MONTH),
    Case(FEATURES, put("days_open", -1), {"days_open_in_range": 2}, MONTH),
    Case(FEATURES, put("agent_win_rate", 1.5), {"agent_win_rate_in_range": 2}, MONTH),
    Case(FEATURES, put("month_of_quarter", 4), {"month_of_quarter_in_range": 2}, MONTH),
    Case(FEATURES, put("engage_day_of_week", 7), {"engage_day_of_week_in_range": 2}, MONTH),
    Case(FEATURES, put("agent_open_deals", 0), {"agent_open_deals_in_range": 2}, MONTH),
    Case(FEATURES, put("has_account", None), {"has_account_is_there": 2}, MONTH),
    Case(FEATURES, put("won_next_month", 2), {"label_is_0_or_1": 2}, MONTH),
    Case(FEATURES, put("won_next_month", 1, 10**6), {"win_rate_not_far_above_history": 1}, MONTH),
    Case(FEATURES, lambda frame: frame.drop(columns="days_open"), {COLUMNS: 1}, None),
    Case(TRAINING, put("won_next_month", None), {"label_is_there": 2}),
    Case(TRAINING, repeat(1), {"snapshot_month_and_opportunity_id_unique": 2}),
    Case(PREDICTIONS, put("probability", 1.01), {"probability_from_0_to_1": 2}, MONTH),
    Case(PREDICTIONS, put("probability", None), {"probability_is_there": 2}, MONTH),
    Case(PREDICTIONS, put("expected_value", -1.0), {"expected_value_not_negative": 2}, MONTH),
    Case(PREDICTIONS, put("scored_by", "a hunch"), {"scored_by_known": 2}, MONTH),
    Case(PREDICTIONS, lambda frame: frame.iloc[2:], {"every_open_deal_has_a_prediction": 2}, MONTH),
    Case(
        PREDICTIONS,
        put("opportunity_id", "STRANGER", 1),
        {"every_open_deal_has_a_prediction": 1, "every_prediction_has_an_open_deal": 1},
        MONTH,
    ),
    Case(
        PIPELINE,
        both(repeat(1), put("close_value", -9.0, 1, staged("Lost")), put("product", "Product A Prox", 3)),
        {"close_value_not_negative": 1, "product_spelled_as_in_products": 3, "opportunity_id_unique": 2},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_damaged_table_breaks_the_right_rule_in_both_judges_and_names_the_rows(
    tables: Tables, before: dict[str, dict[str, int]], case: Case
) -> None:
    whole = case.table == FEATURES and case.month is None
    for month in tables.store.months(FEATURES) if whole else [case.month]:
        tables.damage(case.table, case.damage, month)
    on_rows, in_engine = (tables.judge(case.table, on_rows=rows, rules=case.broken) for rows in (True, False))
    after = {outcome.rule: outcome for outcome in on_rows.outcomes}
    newly = {rule: o.unexpected - before[case.table].get(rule, 0) for rule, o in after.items()}
    assert case.broken.items() <= newly.items()
    for rule in case.broken:
        if rule == COLUMNS:
            assert "differs in" in after[rule].observed
        else:
            assert 0 < len(after[rule].examples) <= 10
            assert case.month is None or case.month in after[rule].by_month
    assert _counts(on_rows) == _counts(in_engine)


def _counts(verdict: Verdict) -> list[tuple[object, ...]]:
    of_rules = [(o.rule, o.checked, o.unexpected, o.by_month) for o in verdict.outcomes]
    return [(verdict.rows, verdict.clean_rows), *of_rules]


@pytest.mark.parametrize("name", sorted({case.table for case in CASES}))
def test_both_judges_count_the_same_where_all_damages_come_together(tables: Tables, name: str) -> None:
    for case in CASES:
        if case.table == name and COLUMNS not in case.broken:
            tables.damage(name, keeping_rows(case.damage), case.month)
    on_rows, in_engine = (tables.judge(name, on_rows=rows) for rows in (True, False))
    assert len([outcome for outcome in on_rows.outcomes if not outcome.success]) > 1
    assert _counts(on_rows) == _counts(in_engine)


def keeping_rows(damage: Damage) -> Damage:
    """Leave out a damage that removes rows: those of other damages may be among them."""

    def changed(frame: pd.DataFrame) -> pd.DataFrame:
        damaged = damage(frame.copy())
        return damaged if len(damaged) >= len(frame) else frame

    return changed


@pytest.fixture(scope="session")
def before(sound: Path) -> dict[str, dict[str, int]]:
    """Return the number of rows that break each rule of each table before any damage."""
    sane = Tables(TableStore(Folder(sound)))
    return {name: {o.rule: o.unexpected for o in sane.judge(name, on_rows=False).outcomes} for name in SUITES}


@pytest.mark.parametrize("name", SUITES)
def test_sound_tables_break_no_rule_that_stops_the_run(tables: Tables, name: str) -> None:
    on_rows, in_engine = (tables.judge(name, on_rows=rows) for rows in (True, False))
    assert on_rows.broken("must") == in_engine.broken("must") == []
    assert _counts(on_rows) == _counts(in_engine)


def test_a_run_over_some_months_judges_those_alone(tables: Tables) -> None:
    tables.damage(FEATURES, put("days_open", -1), MONTH)
    broken = {
        month: tables.judge(FEATURES, on_rows=True, months=[month], rules=["days_open_in_range"])
        for month in ("2023-05", MONTH)
    }
    assert broken["2023-05"].broken("must") == []
    assert broken[MONTH].broken("must") != []


def test_a_month_without_any_prediction_is_found(tables: Tables) -> None:
    tables.damage(PREDICTIONS, lambda frame: frame.iloc[:0], "2023-10")
    verdict = tables.judge(PREDICTIONS, on_rows=True, months=["2023-10"])
    assert [outcome.rule for outcome in verdict.broken("must")] == ["every_open_deal_has_a_prediction"]


@pytest.mark.parametrize(
    "change",
    [lambda frame: frame.drop(columns="product_open_deals"), lambda frame: frame.assign(close_value=1.0)],
    ids=["a column less", "a column more"],
)
def test_one_month_with_other_columns_is_found(tables: Tables, change: Damage) -> None:
    tables.damage(FEATURES, change, MONTH)
    outcome = tables.judge(FEATURES, on_rows=True).outcomes[0]
    assert not outcome.success
    assert outcome.observed.startswith(f"{MONTH} differs in")


def test_months_that_another_source_has_left_are_no_history(tables: Tables) -> None:
    tables.damage(FEATURES, put("won_next_month", 1, 10**6), MONTH)
    later = [month for month in tables.store.months(FEATURES) if month > MONTH]
    alone = evaluate(tables.store, SUITES[FEATURES], later, history=later)
    assert all(MONTH not in outcome.by_month for outcome in alone.outcomes)


def test_data_that_ends_early_is_stale(tables: Tables) -> None:
    def cut(frame: pd.DataFrame) -> pd.DataFrame:
        return frame[
            (frame["engage_date"] < date(2023, 12, 1)).fillna(value=True)
            & (frame["close_date"] < date(2023, 12, 1)).fillna(value=True)
        ]

    tables.damage(DEALS, cut)
    assert [outcome.rule for outcome in tables.judge(DEALS, on_rows=True).broken("should")] == [
        "data_is_fresh"
    ]


def test_a_rule_about_a_table_that_is_not_stored_is_told(tables: Tables) -> None:
    tables.store.path("raw_products").unlink()
    verdict = tables.judge(PIPELINE, on_rows=False)
    why = {rule: text for rule, text in verdict.unjudged.items() if not text.startswith("there is no ")}
    assert why == dict.fromkeys(
        ("product_in_products", "product_spelled_as_in_products"), "raw_products is not stored"
    )
    judged = tables.judge(DEALS, on_rows=False, rules=["product_in_products", "stage_known"])
    assert judged.unjudged == {"product_in_products": "raw_products is not stored"}


def test_the_score_is_the_share_of_rows_that_break_no_rule(tables: Tables) -> None:
    tables.damage("raw_accounts", both(put("revenue", -1.0, 3), put("sector", "technolgy", 5)))
    verdict = tables.judge("raw_accounts", on_rows=True)
    assert verdict.score == pytest.approx(1 - 5 / verdict.rows)


def test_the_known_defects_of_the_real_dump_are_found_before_cleaning_and_gone_after(
    real_dump: Path, tmp_path: Path
) -> None:
    chain = run_chain(real_dump, tmp_path / "tables", ["2017-11"])
    store = TableStore(Folder(tmp_path / "tables"))
    found = {name: evaluate(store, SUITES[name], None) for name in ("raw_accounts", PIPELINE)}
    broken = {o.rule: o.unexpected for verdict in found.values() for o in verdict.outcomes if o.unexpected}
    assert broken == {
        "product_spelled_as_in_products": 1_480,
        "sector_spelled_right": 12,
        "account_recorded": 1_425,
    }
    deals = store.to_pandas(store.read(PIPELINE))
    faulty = ((deals["product"] == "GTXPro") | deals["account"].isna()).sum()
    assert found[PIPELINE].score == pytest.approx(1 - faulty / 8_800)
    assert found["raw_accounts"].score == pytest.approx(1 - 12 / 85)
    for name in (DEALS, SNAPSHOTS, FEATURES):
        months = None if name == DEALS else chain.months
        assert evaluate(store, SUITES[name][:1], months).score == 1.0


def test_types_that_changed_are_found(tables: Tables) -> None:
    path = str(tables.store.path("raw_products"))
    table = pq.read_table(path)
    price = table.schema.get_field_index("sales_price")
    pq.write_table(table.set_column(price, "sales_price", table["sales_price"].cast(pa.string())), path)
    outcome = tables.judge("raw_products", on_rows=False).outcomes[0]
    assert not outcome.success
    assert "sales_price string" in outcome.observed

"""Single rows give what DuckDB gives, for every feature of the table of features."""

from __future__ import annotations

from datetime import date
from typing import Any

import ibis
import pandas as pd
import pyarrow as pa
import pytest

from crm_assets.crm import as_of, cleaning
from crm_assets.crm.all_features import ALL_FEATURE_NAMES
from crm_assets.crm.deals import MONTHS
from crm_assets.crm.features import deals_with_features
from crm_assets.crm.monthly import unbound
from crm_assets.crm.schema import RAW_SALES_PIPELINE, RAW_TABLES
from crm_assets.crm.snapshots import month_rows, snapshots
from crm_assets.crm.tables import MONTHLY_SNAPSHOTS
from crm_assets.engine.duckdb import connect
from crm_assets.engine.row_values import NotByRowError
from crm_assets.engine.rows import Lookup, RowQuery
from crm_assets.serving.features import OnlineFeatures
from crm_assets_tests.chain import Chain

MONTH = "2017-12"
FULL = {
    "opportunity_id": "full",
    "sales_agent": "Ann",
    "product": "GTXPro",
    "account": "Acme",
    "deal_stage": "Engaging",
    "engage_date": date(2017, 11, 4),
    "created_date": date(2017, 10, 1),
    "expected_close_date": date(2018, 1, 9),
    "amount": 120.5,
    "currency": "USD",
    "pipeline": "main",
    "stage_name": "Offer",
    "stage_position": 3,
    "stage_changed_date": date(2017, 12, 2),
    "crm_probability": 0.4,
    "forecast_category": "best case",
}
# Rows that take other ways through the expressions: nothing known, stages of later, prospects, later deals.
ROWS: list[dict[str, Any]] = [
    FULL,
    {"opportunity_id": "bare", "deal_stage": "Engaging", "engage_date": date(2017, 12, 31)},
    FULL | {"opportunity_id": "staged later", "stage_changed_date": date(2018, 2, 1)},
    FULL | {"opportunity_id": "overdue", "expected_close_date": date(2016, 12, 31), "amount": 0.0},
    FULL | {"opportunity_id": "later", "engage_date": date(2018, 1, 1), "created_date": date(2018, 1, 1)},
    FULL | {"opportunity_id": "unknown", "sales_agent": "Nobody", "product": "Nothing", "account": "None"},
]
TABLES: dict[str, list[dict[str, Any]]] = {
    "raw_accounts": [
        {"account": "Acme", "sector": "technolgy", "year_established": 1990, "revenue": 10.0, "employees": 7}
    ],
    "raw_products": [{"product": "GTX Pro", "series": "GTX", "sales_price": 100.0}],
    "raw_sales_teams": [{"sales_agent": "Ann", "manager": "Max", "regional_office": "West"}],
    "known_totals": [{"snapshot_month": MONTH, "base_rate": 0.6, "median_cycle": 45.0}],
    **{
        f"known_{who}": [
            {"snapshot_month": MONTH, who: name, f"{who}_wins": 3, f"{who}_closed": 7, f"{who}_open": 2}
        ]
        for who, name in (("sales_agent", "Ann"), ("product", "GTX Pro"), ("account", "Acme"))
    },
    **{
        f"means_{column}": [{"name": spelled, "means": listed}]
        for column, spelled, listed in (
            ("sales_agent", "Ann", "Ann"),
            ("product", "GTXPro", "GTX Pro"),
            ("account", "Acme", "Acme"),
        )
    },
}


def test_every_feature_of_a_row_is_what_duckdb_computes() -> None:
    raw = {table.name: unbound(table) for table in RAW_TABLES}
    means = {
        column: ibis.table({"name": "string", "means": "string"}, name=f"means_{column}")
        for column in ("product", "sales_agent", "account")
    }
    counted = as_of.aggregates(unbound(MONTHLY_SNAPSHOTS))
    known = {name: ibis.table(table.schema(), name=f"known_{name}") for name, table in counted.items()}
    deals = snapshots(cleaning.opportunities(raw, "2016-10", means), unbound(MONTHS))
    expression = deals_with_features(deals, unbound(MONTHS), known)
    assert set(ALL_FEATURE_NAMES) <= set(expression.columns)
    calendar = month_rows([MONTH])
    lookups = {name: Lookup(rows) for name, rows in TABLES.items()} | {"months": Lookup(calendar.to_pylist())}
    engine = connect()
    schemas = {table.name: table.arrow for table in RAW_TABLES}
    schemas |= {f"known_{name}": table.schema().to_pyarrow() for name, table in counted.items()}
    schemas |= {f"means_{column}": table.schema().to_pyarrow() for column, table in means.items()}
    with engine.session() as session:
        session.put("months", calendar)
        for name, rows in {**TABLES, RAW_SALES_PIPELINE.name: ROWS}.items():
            full = [{field.name: row.get(field.name) for field in schemas[name]} for row in rows]
            schema = pa.schema([(field.name, field.type) for field in schemas[name]])
            session.put(name, pa.Table.from_pylist(full, schema))
            if name in lookups:
                lookups[name] = Lookup(full)
        theirs = session.whole(str(engine.compile(expression))).to_pylist()
    query = RowQuery(expression, RAW_SALES_PIPELINE.name, lookups)
    mine = {found["opportunity_id"]: found for row in ROWS if (found := query(row)) is not None}
    assert mine == {row["opportunity_id"]: row for row in theirs}
    assert "later" not in mine


@pytest.mark.parametrize("months_ago", [1, 4])
def test_posted_deals_have_the_stored_features_of_their_month(small_chain: Chain, months_ago: int) -> None:
    month = small_chain.months[-months_ago]
    online = OnlineFeatures(small_chain.store, month)
    stored = small_chain.features(month)
    raw = small_chain.store.to_pandas(small_chain.store.read("raw_sales_pipeline")).set_index(
        "opportunity_id"
    )
    columns = ["sales_agent", "product", "account", "engage_date"]
    deals = [
        {"opportunity_id": deal, **{k: v for k, v in raw.loc[deal, columns].items() if pd.notna(v)}}
        for deal in stored["opportunity_id"]
    ]
    rows, left_out = online.of(deals)
    found = pd.DataFrame(rows)
    assert left_out == []
    names = [name for name in stored.columns if name in found]
    pd.testing.assert_frame_equal(found[names], stored[names], check_dtype=False, check_exact=True)


def test_what_only_an_engine_computes_is_refused_by_name() -> None:
    table = ibis.table({"a": "string"}, name="given")
    assert RowQuery(table.mutate(b=table.a.upper()).select("a"), "given", {})({"a": "x"}) == {"a": "x"}
    with pytest.raises(NotByRowError, match="Uppercase"):
        RowQuery(table.select(b=table.a.upper()), "given", {})({"a": "x"})
    with pytest.raises(NotByRowError, match="Aggregate"):
        RowQuery(table.group_by("a").agg(n=table.count()), "given", {})({"a": "x"})
    two = ibis.table({"a": "string", "b": "int64"}, name="two")
    joined = table.left_join(two, "a").select("a", "b")
    twice = {"two": Lookup([{"a": "x", "b": 1}, {"a": "x", "b": 2}])}
    with pytest.raises(NotByRowError, match="several rows with the same a"):
        RowQuery(joined, "given", twice)({"a": "x"})
    one = RowQuery(joined, "given", {"two": Lookup([{"a": "x", "b": 1}])})
    assert [one({"a": name}) for name in ("x", "y", None)] == [
        {"a": "x", "b": 1},
        {"a": "y", "b": None},
        {"a": None, "b": None},
    ]

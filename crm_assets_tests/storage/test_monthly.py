"""One query for many months: the bytes do not depend on how many months run together, or how."""

from __future__ import annotations

from pathlib import Path

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crm_assets.crm.features import monthly_features
from crm_assets.crm.monthly import MonthlyQuery
from crm_assets.crm.snapshots import month_rows, monthly_snapshots
from crm_assets.crm.tables import MONTHLY_SNAPSHOTS, OPPORTUNITIES, WIN_FEATURES
from crm_assets.errors import StorageError
from crm_assets.sources.sample import SyntheticSample
from crm_assets.storage import monthly
from crm_assets.storage.folder import Folder
from crm_assets.storage.tables import TableStore
from crm_assets_tests.chain import cleaned

MONTHS = list(SyntheticSample(900, seed=5).month_range())
TABLES = (MONTHLY_SNAPSHOTS, WIN_FEATURES)


@pytest.fixture(scope="module")
def deals() -> pa.Table:
    """Return the deals of a sample."""
    return cleaned(SyntheticSample(900, seed=5))


def stored(deals: pa.Table, folder: Path) -> TableStore:
    """Return a store with these deals."""
    made = TableStore(Folder(folder))
    made.write("opportunities", deals, OPPORTUNITIES.arrow)
    return made


@pytest.fixture
def store(deals: pa.Table, tmp_path: Path) -> TableStore:
    """Return a store with the deals of the sample."""
    return stored(deals, tmp_path / "tables")


def make(store: TableStore, months: list[str]) -> list[str]:
    deals = store.read("opportunities")
    queries = (monthly_snapshots(deals, months), monthly_features(deals, months, MONTHS[-1]))
    stored = []
    for table, query in zip(TABLES, queries, strict=True):
        rows = dict(store.write_months(table.name, query, table.arrow))
        assert rows == {month: store.rows(table.name, month) for month in months}
        stored += rows
    return stored


def contents(store: TableStore) -> dict[tuple[str, str], bytes]:
    return {(t.name, month): store.path(t.name, month).read_bytes() for t in TABLES for month in MONTHS}


# Rows that run together, rows kept in memory, and rows from which keeping shared input in memory pays off.
WAYS = {
    "all months together": (10**9, 10**9, 10**9),
    "one month at a time": (1, 10**9, 10**9),
    "streamed": (1, 0, 10**9),
    "deals held in memory": (10**9, 10**9, 0),
    "deals held in memory, one month at a time": (1, 10**9, 0),
}


@pytest.fixture(scope="module")
def alone(deals: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], bytes]:
    """Return the files of months that each ran by itself."""
    store = stored(deals, tmp_path_factory.mktemp("alone"))
    for month in MONTHS:
        make(store, [month])
    return contents(store)


@pytest.mark.parametrize("way", WAYS)
def test_months_have_the_same_bytes_whichever_way_they_run(
    store: TableStore, alone: dict[tuple[str, str], bytes], way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, rows in zip(("ROWS_AT_ONCE", "ROWS_HELD", "HOLDING_PAYS"), WAYS[way], strict=True):
        monkeypatch.setattr(monthly, name, rows)
    assert make(store, MONTHS) == MONTHS * len(TABLES)
    assert contents(store) == alone


def test_deals_in_any_order_give_the_same_bytes(
    deals: pa.Table, alone: dict[tuple[str, str], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = stored(deals.take(list(range(deals.num_rows))[::-1]), tmp_path / "tables")
    make(store, MONTHS)
    assert contents(store) == alone
    monkeypatch.setattr(monthly, "ROWS_AT_ONCE", 1)
    monkeypatch.setattr(monthly, "ROWS_HELD", 0)
    make(store, MONTHS)
    assert contents(store) == alone


def test_held_tables_are_let_go(store: TableStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monthly, "HOLDING_PAYS", 0)
    make(store, MONTHS[:2])
    with store.engine.session() as session:
        assert session.whole("SELECT table_name FROM duckdb_tables()").num_rows == 0
    rows = pq.read_table(store.path("opportunities")).slice(0, 5)
    deals = store.read("opportunities")
    store.write("opportunities", rows, OPPORTUNITIES.arrow)
    assert deals.count().to_pyarrow().as_py() == 5


def test_no_months_are_no_work(store: TableStore) -> None:
    assert make(store, []) == []


def test_a_month_whose_input_is_missing_is_named_and_the_others_stay_as_they_were(store: TableStore) -> None:
    make(store, MONTHS[:2])
    query = monthly_features(store.read("opportunities"), MONTHS[:3], MONTHS[-1])
    before = store.path("win_features", MONTHS[0]).read_bytes()
    with pytest.raises(StorageError, match=f"materialize monthly_snapshots for {MONTHS[2]} first"):
        list(store.write_months("win_features", query, WIN_FEATURES.arrow))
    assert store.path("win_features", MONTHS[0]).read_bytes() == before


def test_a_failing_query_leaves_the_old_months_and_no_draft(store: TableStore, tmp_path: Path) -> None:
    make(store, MONTHS[:2])
    before = [store.path("win_features", month).read_bytes() for month in MONTHS[:2]]
    query = monthly_features(store.read("opportunities"), MONTHS[:2], MONTHS[-1])
    impossible = pa.schema([(field.name, pa.date32()) for field in WIN_FEATURES.arrow])
    with pytest.raises(pa.ArrowException):
        list(store.write_months("win_features", query, impossible))
    assert [store.path("win_features", month).read_bytes() for month in MONTHS[:2]] == before
    assert [path for path in (tmp_path / "scratch").glob("process-*/*") if path.is_file()] == []


def test_many_texts_and_texts_with_quotes_are_held_as_they_are(
    store: TableStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monthly, "HOLDING_PAYS", 0)
    schema = pa.schema([("snapshot_month", pa.string()), ("id", pa.string()), ("text", pa.string())])
    texts = ["it's", 'a "quote"', "", None, "ä", "z"]
    rows = [{"id": f"{n:04d}", "text": texts[n % len(texts)]} for n in range(1_000)]
    store.write(
        "source", pa.Table.from_pylist(rows, schema).select(["id", "text"]), pa.schema(list(schema)[1:])
    )
    source = store.read("source")

    def expression(months: ibis.Table) -> ibis.Table:
        return source.cross_join(months).select(schema.names).order_by(["snapshot_month", "id"])

    query = MonthlyQuery(month_rows(MONTHS[:2]), expression)
    assert dict(store.write_months("made", query, schema)) == dict.fromkeys(MONTHS[:2], 1_000)
    made = pq.read_table(store.path("made", MONTHS[1]))
    assert made.schema == schema
    assert made["text"].to_pylist() == [row["text"] for row in rows]

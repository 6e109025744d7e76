"""The table store: exact types, atomic writes, sentences for what is missing."""

from __future__ import annotations

import datetime
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crm_assets.errors import StorageError
from crm_assets.storage.bucket import Bucket
from crm_assets.storage.folder import Folder
from crm_assets.storage.tables import ROWS_PER_GROUP, TableStore
from crm_assets_tests.storage.conftest import open_again

SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("day", pa.date32()),
        ("deals", pa.int64()),
        ("rate", pa.float64()),
        ("flag", pa.bool_()),
        ("pushes", pa.list_(pa.struct([("feature", pa.string()), ("contribution", pa.float64())]))),
    ]
)
NUMBERS = pa.schema([("n", pa.int64())])
ROWS = [
    {
        "name": "a",
        "day": datetime.date(2017, 2, 28),
        "deals": 2**60,
        "rate": 0.1,
        "flag": True,
        "pushes": [{"feature": "x", "contribution": 1.5}],
    },
    {"name": None, "day": None, "deals": None, "rate": None, "flag": None, "pushes": None},
]


def test_types_and_nulls_are_kept_exactly(store: TableStore) -> None:
    table = pa.Table.from_pylist(ROWS, SCHEMA)
    assert store.write("t", table, SCHEMA) == 2
    assert pq.read_table(str(store.path("t"))).equals(table)
    assert store.read("t").to_pyarrow().equals(table)


def test_expressions_arrow_and_pandas_give_the_same_bytes(store: TableStore) -> None:
    flat = pa.schema([field for field in SCHEMA if field.name != "pushes"])
    table = pa.Table.from_pylist(ROWS, flat)
    store.write("arrow", table, flat)
    store.write("expression", store.read("arrow"), flat)
    frame = table.to_pandas(types_mapper=pd.ArrowDtype)
    store.write("pandas", frame, flat)
    contents = {store.path(name).read_bytes() for name in ("arrow", "expression", "pandas")}
    assert len(contents) == 1


def test_bytes_do_not_depend_on_how_rows_arrive(store: TableStore) -> None:
    whole = pa.table({"n": range(ROWS_PER_GROUP + 1000)}, schema=NUMBERS)
    pieces = pa.concat_tables([whole.slice(start, 7_777) for start in range(0, whole.num_rows, 7_777)])
    store.write("whole", whole, NUMBERS)
    store.write("pieces", pieces, NUMBERS)
    store.write("expression", store.read("pieces"), NUMBERS)
    assert (
        store.path("whole").read_bytes()
        == store.path("pieces").read_bytes()
        == store.path("expression").read_bytes()
    )


def test_a_table_without_rows_keeps_its_columns(store: TableStore) -> None:
    assert store.write("t", SCHEMA.empty_table(), SCHEMA) == 0
    assert store.read("t").to_pyarrow().schema.equals(SCHEMA)


def test_months_lie_one_below_the_other_in_the_order_asked_for(store: TableStore) -> None:
    schema = pa.schema([("month", pa.string())])
    for month in ("2017-03", "2017-02"):
        store.write("t", pa.table({"month": [month]}), schema, month)
    assert store.months("t") == ["2017-02", "2017-03"]
    assert store.read("t", ["2017-02", "2017-03"]).to_pyarrow()["month"].to_pylist() == ["2017-02", "2017-03"]


def test_a_failing_expression_leaves_the_old_table_and_nothing_else(store: TableStore) -> None:
    store.write("t", pa.table({"n": [1]}), NUMBERS, "2017-02")
    before = store.path("t", "2017-02").read_bytes()
    with pytest.raises(pa.ArrowInvalid):
        store.write("t", pa.table({"n": ["no number"]}), NUMBERS, "2017-02")
    assert store.path("t", "2017-02").read_bytes() == before
    assert store.files.keys("t") == ["t/2017-02.parquet"]


def test_a_table_is_read_as_another_process_left_it(store: TableStore) -> None:
    """Check that a read gives what is stored now, not a copy of an earlier read."""
    store.write("t", pa.table({"n": [1]}), NUMBERS)
    other = TableStore(open_again(store.files))
    old = other.read("t")
    store.write("t", pa.table({"n": [2, 3]}), NUMBERS)
    assert other.read("t").to_pyarrow()["n"].to_pylist() == [2, 3]
    assert other.rows("t") == 2
    if isinstance(store.files, Bucket):
        assert old.to_pyarrow()["n"].to_pylist() == [1]


def test_writers_of_the_same_month_at_once_leave_one_whole_table(store: TableStore) -> None:
    tables = [pa.table({"n": [writer] * 100_000}) for writer in range(8)]
    with ThreadPoolExecutor(8) as threads:
        stores = [TableStore(open_again(store.files)) for _ in tables]
        work = [
            threads.submit(one.write, "t", table, NUMBERS, "2017-02")
            for one, table in zip(stores, tables, strict=True)
        ]
        assert [done.result() for done in work] == [100_000] * 8
    rows = store.read("t", ["2017-02"]).to_pyarrow()["n"]
    assert (len(rows), len(set(rows.to_pylist()))) == (100_000, 1)
    assert store.files.keys("t") == ["t/2017-02.parquet"]


def test_months_of_another_table_with_a_longer_name_are_not_its_own(store: TableStore) -> None:
    store.write("t_long", pa.table({"n": [1]}), NUMBERS, "2017-02")
    assert store.months("t") == []
    assert not store.has("t")


def test_what_is_not_stored_is_told_with_what_to_materialize(store: TableStore) -> None:
    with pytest.raises(StorageError, match=r"t\.parquet is missing: materialize t first"):
        store.read("t")
    with pytest.raises(StorageError, match="materialize t for 2017-02 first"):
        store.read("t", ["2017-02"])
    with pytest.raises(StorageError, match="materialize t first"):
        store.schema("t")


def test_a_table_that_was_cut_off_is_told_with_what_to_materialize(tmp_path: Path) -> None:
    store = TableStore(Folder(tmp_path))
    for month in ("2017-05", "2017-06"):
        store.write("cut", pa.table({"n": [1, 2]}), NUMBERS, month)
    path = store.path("cut", "2017-06")
    whole = path.read_bytes()
    for damaged in (b"", whole[:4], whole[: len(whole) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(
            StorageError, match=r"2017-06.* is damaged .*: materialize cut for 2017-06 again\."
        ):
            store.read("cut", ["2017-05", "2017-06"])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="Cannot write"):
        TableStore(Folder(tmp_path / "tables")).write(
            "t", pa.table({"n": [1]}), pa.schema([("n", pa.int64())])
        )


def test_a_file_where_the_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "tables").write_text("in the way")
    with pytest.raises(StorageError, match=r"Cannot write .*tables"):
        TableStore(Folder(tmp_path / "tables")).write(
            "t", pa.table({"n": [1]}), pa.schema([("n", pa.int64())])
        )

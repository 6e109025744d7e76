"""The table store: exact types, atomic writes, sentences for what is missing."""

from __future__ import annotations

import datetime
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from upath import UPath

from crm_assets.errors import StorageError
from crm_assets.storage.tables import ROWS_PER_GROUP, TableStore

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


@pytest.fixture
def store(tmp_path: Path) -> TableStore:
    return TableStore(UPath(tmp_path / "tables"))


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
    store.write("t", pa.table({"n": [1]}), NUMBERS)
    before = store.path("t").read_bytes()
    with pytest.raises(pa.ArrowInvalid):
        store.write("t", pa.table({"n": ["no number"]}), NUMBERS)
    assert store.path("t").read_bytes() == before
    assert [path.name for path in store.base.iterdir()] == ["t.parquet"]


def test_a_killed_writer_leaves_the_old_table(store: TableStore) -> None:
    store.write("t", pa.table({"n": [1]}), NUMBERS)
    before = store.path("t").read_bytes()
    script = f"""
        import os, signal, pyarrow as pa
        from upath import UPath
        from crm_assets.storage.tables import TableStore

        class Endless:
            names = ["n"]
            def select(self, names):
                os.kill(os.getpid(), signal.SIGKILL)

        TableStore(UPath({str(store.base)!r})).write("t", Endless(), pa.schema([("n", pa.int64())]))
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False)
    assert killed.returncode == -9
    assert store.path("t").read_bytes() == before
    assert store.read("t").to_pyarrow()["n"].to_pylist() == [1]


def test_what_is_not_stored_is_told_with_what_to_materialise(store: TableStore) -> None:
    with pytest.raises(StorageError, match=r"t\.parquet is not there: materialise t first"):
        store.read("t")
    with pytest.raises(StorageError, match="materialise t for 2017-02 first"):
        store.read("t", ["2017-02"])
    with pytest.raises(StorageError, match="materialise t first"):
        store.schema("t")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="Cannot write"):
        TableStore(UPath(tmp_path / "tables")).write(
            "t", pa.table({"n": [1]}), pa.schema([("n", pa.int64())])
        )


def test_a_file_where_the_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "tables").write_text("in the way")
    with pytest.raises(StorageError, match=r"Cannot write .*tables"):
        TableStore(UPath(tmp_path / "tables")).write(
            "t", pa.table({"n": [1]}), pa.schema([("n", pa.int64())])
        )

"""The engine skips a sort only if the rows are in order, and the bytes stay the same."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from crm_assets.engine.order import OutOfOrderError, in_order, without_sort
from crm_assets.storage.folder import Folder
from crm_assets.storage.tables import TableStore

SCHEMA = pa.schema([("month", pa.string()), ("id", pa.string())])


def _table(*rows: tuple[str | None, str]) -> pa.Table:
    return pa.Table.from_pylist([{"month": month, "id": deal} for month, deal in rows], SCHEMA)


@pytest.mark.parametrize("backwards", [False, True])
def test_a_table_is_stored_in_order_whatever_the_order_of_what_it_is_made_of(
    tmp_path: Path, backwards: bool
) -> None:
    store = TableStore(Folder(tmp_path / "tables"))
    rows = [(f"2017-{n // 100 + 1:02d}", f"D{n:04d}") for n in range(700)]
    store.write("source", _table(*(rows[::-1] if backwards else rows)), SCHEMA)
    source = store.read("source")
    store.write("made", source.filter(source.id != "D0005").order_by(["month", "id"]), SCHEMA)
    made = store.read("made").to_pyarrow()
    assert made["id"].to_pylist() == [deal for _, deal in rows if deal != "D0005"]


def test_a_sort_over_a_join_or_downwards_is_not_left_out(tmp_path: Path) -> None:
    store = TableStore(Folder(tmp_path / "tables"))
    store.write("source", _table(("2017-01", "D1")), SCHEMA)
    source = store.read("source")
    assert without_sort(source.order_by("id")) is not None
    assert without_sort(source) is None
    assert without_sort(source.order_by(source.id.desc())) is None
    assert without_sort(source.left_join(source.view(), "id").order_by("id")) is None
    assert without_sort(source.group_by("id").agg(n=source.count()).order_by("id")) is None


@pytest.mark.parametrize(
    "batches",
    [
        [_table(("2017-01", "D2"), ("2017-01", "D1"))],
        [_table(("2017-02", "D1")), _table(("2017-01", "D2"))],
        [_table((None, "D1"), ("2017-01", "D2"))],
    ],
    ids=["within a batch", "between batches", "a null"],
)
def test_rows_out_of_order_are_noticed(batches: list[pa.Table]) -> None:
    with pytest.raises(OutOfOrderError):
        list(in_order(batches, ["month", "id"]))


def test_rows_in_order_pass_unchanged() -> None:
    batches = [_table(), _table(("2017-01", "D9"), ("2017-02", "D1")), _table(), _table(("2017-02", "D1"))]
    assert list(in_order(batches, ["month", "id"])) == batches

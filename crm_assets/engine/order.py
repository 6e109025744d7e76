"""Skips unnecessary sorts: rows filtered from sorted rows are already sorted.

With millions of deals, the sort takes half of a snapshot's time and all of its memory. The order of the rows
is always checked: the order of a stored table never depends on what an engine promises.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import reduce
from typing import Any

import ibis.expr.operations as ops
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc


class OutOfOrderError(Exception):
    """Rows are not in the expected order; sort them."""


def without_sort(table: ir.Table) -> tuple[ir.Table, list[str]] | None:
    """Return the expression without its last sort, and the sort's columns; None if the sort is needed."""
    keys, sort = sort_keys(table), table.op()
    if not keys or not isinstance(sort, ops.Sort) or not keeps_order(sort.parent):
        return None
    return sort.parent.to_expr(), keys


def sort_keys(table: ir.Table) -> list[str]:
    """Return the columns that an expression is sorted by, or none if it is not sorted in ascending order."""
    sort = table.op()
    if not isinstance(sort, ops.Sort):
        return []
    keys = [key.arg.name for key in sort.keys if isinstance(key.arg, ops.Field) and key.ascending]
    return keys if len(keys) == len(sort.keys) else []


def keeps_order(node: Any) -> bool:
    """Return whether rows keep a stored table's order: only filters, projections and inner joins."""
    while isinstance(node, ops.Project | ops.Filter | ops.JoinChain):
        if isinstance(node, ops.JoinChain):
            if any(link.how != "inner" for link in node.rest):
                return False
            node = node.first
        node = node.parent
    return isinstance(node, ops.DatabaseTable)


def is_in_order(table: pa.Table, keys: list[str]) -> bool:
    """Return whether the rows ascend by `keys` and no key is null."""
    return _ascending(table.select(keys).combine_chunks())


def in_order(tables: Iterable[pa.Table], keys: list[str]) -> Iterator[pa.Table]:
    """Yield the same tables and check their order.

    Raises:
        OutOfOrderError: a row's `keys` are null or less than those of the previous row.
    """
    last = None
    for table in tables:
        rows = table.select(keys)
        rows = pa.concat_tables([last, rows] if last is not None else [rows]).combine_chunks()
        if not _ascending(rows):
            raise OutOfOrderError
        last = rows.slice(max(rows.num_rows - 1, 0))
        yield table


def _ascending(rows: pa.Table) -> bool:
    """Return whether no row is less than the previous one, compared column by column."""
    before, after = rows.slice(0, max(rows.num_rows - 1, 0)), rows.slice(1)
    pairs = zip(before.columns, after.columns, strict=True)

    def less(rest: Any, pair: tuple[pa.ChunkedArray, pa.ChunkedArray]) -> Any:
        a, b = pair
        return pc.or_(pc.less(a, b), pc.and_(pc.equal(a, b), rest))

    fine = reduce(less, reversed(list(pairs)), pa.scalar(value=True))
    return bool(pc.all(fine, skip_nulls=False, min_count=0).as_py())

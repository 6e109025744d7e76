"""Ibis expressions on a single row: the same expressions that a table engine runs, without its start-up cost.

A table engine takes tens of milliseconds to plan a query with many joins, whatever the number of rows. This
one walks the expression once and keeps a function per value. It knows projections, filters and joins that
find at most one row; for everything else it raises `NotByRowError`, and the caller asks a table engine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import ibis.expr.operations as ops
import ibis.expr.types as ir

from crm_assets.engine.row_values import NotByRowError, Value, value_of

Row = Mapping[str, Any]


class Lookup:
    """A small table in memory that rows are joined with.

    Attributes:
        rows: its rows.
        otherwise: makes the row of a key that the table does not have; None: there is no such row.
    """

    def __init__(
        self, rows: list[dict[str, Any]], otherwise: Callable[[Row], Row | None] | None = None
    ) -> None:
        self.rows, self.otherwise = rows, otherwise
        self._indexes: dict[tuple[str, ...], dict[tuple[Any, ...], Row]] = {}

    def find(self, names: tuple[str, ...], key: tuple[Any, ...]) -> Row | None:
        """Return the row with a key; a key with a null finds none.

        Raises:
            NotByRowError: several rows have the same key.
        """
        if None in key:
            return None
        index = self._indexes.get(names)
        if index is None:
            index = dict[tuple[Any, ...], Row]({tuple(row[name] for name in names): row for row in self.rows})
            if len(index) != len(self.rows):
                raise NotByRowError(f"several rows with the same {', '.join(names)}")
            self._indexes[names] = index
        found = index.get(key)
        if found is None and self.otherwise is not None:
            return self.otherwise(dict(zip(names, key, strict=True)))
        return found


class _DroppedError(Exception):
    """The row is not in the result."""


class _State:
    """One row on its way through the expression: its columns, and the values computed so far."""

    __slots__ = ("found", "known", "row")

    def __init__(self, row: Row) -> None:
        self.row = row
        self.known: dict[Any, Any] = {}
        self.found: dict[Any, Row | None] = {}


class RowQuery:
    """An expression that is computed row by row."""

    def __init__(self, expression: ir.Table, given: str, lookups: Mapping[str, Lookup]) -> None:
        """Walk the expression.

        Args:
            expression: built on unbound tables.
            given: the name of the table whose rows come one by one.
            lookups: the other tables by name.
        """
        self._given, self._lookups = given, lookups
        self._compiled: dict[Any, Value] = {}
        self._filters: list[Value] = []
        root = expression.op()
        self._columns = {name: self._field(root, name) for name in expression.columns}
        self._collect(root)

    def __call__(self, row: Row) -> dict[str, Any] | None:
        """Return the result for a row; None if the expression leaves it out.

        Raises:
            NotByRowError: only a table engine can compute it.
        """
        state = _State(row)
        try:
            if not all(passes(state) for passes in self._filters):
                return None
            return {name: value(state) for name, value in self._columns.items()}
        except _DroppedError:
            return None

    def _collect(self, relation: Any) -> None:
        """Collect the filters and joins that leave rows out."""
        if isinstance(relation, ops.JoinChain):
            self._collect(relation.first.parent)
            for link in relation.rest:
                if link.how == "inner":
                    self._filters.append(self._joined(relation, link))
        elif isinstance(relation, ops.UnboundTable):
            return
        elif isinstance(relation, ops.Project | ops.Filter | ops.Sort | ops.DropColumns):
            self._collect(relation.parent)
            if isinstance(relation, ops.Filter):
                self._filters.extend(self._value(test, None) for test in relation.predicates)
        else:
            self._filters.append(_refusing(relation))

    def _joined(self, chain: Any, link: Any) -> Value:
        find = self._link(chain, link)

        def passes(state: _State) -> bool:
            find(state)
            return True

        return passes

    def _field(self, relation: Any, name: str) -> Value:
        if isinstance(relation, ops.UnboundTable):
            if relation.name != self._given:
                return _refusing(relation)
            return lambda state: state.row.get(name)
        if isinstance(relation, ops.Project):
            return self._value(relation.values[name], None)
        if isinstance(relation, ops.JoinChain):
            return self._value(relation.values[name], relation)
        if isinstance(relation, ops.Filter | ops.Sort | ops.DropColumns):
            return self._field(relation.parent, name)
        return _refusing(relation)

    def _value(self, node: Any, chain: Any) -> Value:
        """Return the function of a value, which remembers its result for the row."""
        key = (node, chain)
        if key not in self._compiled:
            compute = self._compute(node, chain)
            # A field is only another name for a value that is remembered already.
            plain = isinstance(node, ops.Field | ops.Literal)
            self._compiled[key] = compute if plain else _remembered(compute)
        return self._compiled[key]

    def _compute(self, node: Any, chain: Any) -> Value:
        if not isinstance(node, ops.Field):
            return value_of(node, lambda part: self._value(part, chain))
        relation, name = node.rel, node.name
        if not isinstance(relation, ops.JoinReference):
            return self._field(relation, name)
        if relation == chain.first:
            return self._field(relation.parent, name)
        link = next(link for link in chain.rest if link.table == relation)
        find = self._link(chain, link)

        def looked_up(state: _State) -> Any:
            found = find(state)
            return None if found is None else found[name]

        return looked_up

    def _link(self, chain: Any, link: Any) -> Callable[[_State], Row | None]:
        """Return the function that finds the joined row of a table."""
        key = (chain, link)
        if key in self._compiled:
            return self._compiled[key]
        name = _leaf(link.table.parent)
        if name is None or name not in self._lookups or link.how not in ("left", "inner", "cross"):
            return _refusing(link.table.parent)
        search, place, inner = self._search(chain, link, self._lookups[name]), object(), link.how == "inner"

        def find(state: _State) -> Row | None:
            if place not in state.found:
                state.found[place] = search(state)
            found = state.found[place]
            if found is None and inner:
                raise _DroppedError
            return found

        self._compiled[key] = find
        return find

    def _search(self, chain: Any, link: Any, table: Lookup) -> Callable[[_State], Row | None]:
        pairs = [_sides(test, link.table) for test in link.predicates if isinstance(test, ops.Equals)]
        found = [pair for pair in pairs if pair is not None]
        if found and len(found) == len(link.predicates):
            names = tuple(column.name for column, _ in found)
            values = [self._value(other, chain) for _, other in found]
            return lambda state: table.find(names, tuple([value(state) for value in values]))
        if len(table.rows) != 1:
            return _refusing(link)
        (only,) = table.rows
        tests = [self._test(test, chain, link.table, only) for test in link.predicates]
        return lambda state: only if all(test(state) for test in tests) else None

    def _test(self, node: Any, chain: Any, table: Any, only: Row) -> Value:
        """Return the function of a join's condition; the fields of the joined table are those of its row."""
        if isinstance(node, ops.Field) and node.rel == table:
            constant = only[node.name]
            return lambda _: constant
        if isinstance(node, ops.Field | ops.Literal):
            return self._value(node, chain)
        return value_of(node, lambda part: self._test(part, chain, table, only))


def _remembered(compute: Value) -> Value:
    # A place of its own, and not the node: comparing nodes takes longer than computing most of them.
    place = object()

    def value(state: _State) -> Any:
        known = state.known
        if place not in known:
            known[place] = compute(state)
        return known[place]

    return value


def _sides(test: Any, table: Any) -> tuple[Any, Any] | None:
    """Return the field of the joined table and the other side of an equality; None if there is none."""
    sides = (getattr(test, "left", None), getattr(test, "right", None))
    for one, other in (sides, sides[::-1]):
        if isinstance(one, ops.Field) and one.rel == table:
            return one, other
    return None


def _leaf(relation: Any) -> str | None:
    """Return the name of the table that a relation only selects columns of."""
    while isinstance(relation, ops.DropColumns):
        relation = relation.parent
    return relation.name if isinstance(relation, ops.UnboundTable) else None


def _refusing(node: Any) -> Any:
    def refuse(_: Any) -> Any:
        raise NotByRowError(type(node).__name__)

    return refuse

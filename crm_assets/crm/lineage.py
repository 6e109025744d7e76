"""Finds the columns of stored tables that an Ibis expression is computed from.

A value is computed from a column if the value, or whether it is missing, depends on that column: an aggregate
by agent depends on the agent and on the columns that select the deals it counts. Filters on a table do not
count for its own columns.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import ibis.expr.operations as ops
import ibis.expr.types as ir

# The name of a stored table, and one of its columns.
Origin = tuple[str, str]


def origins(value: ir.Value) -> frozenset[Origin]:
    """Return the columns of stored tables that a value is computed from.

    >>> import ibis
    >>> deals = ibis.table({"agent": "string", "stage": "string"}, name="deals")
    >>> won = deals.filter(deals.stage == "Won")
    >>> counts = won.group_by("agent").agg(wins=won.count())
    >>> sorted(origins(deals.left_join(counts, "agent").wins))
    [('deals', 'agent'), ('deals', 'stage')]
    """
    return frozenset(_of_value(value.op()))


def column_lineage(table: ir.Table) -> dict[str, list[Origin]]:
    """Return the columns of stored tables that each column of an expression is computed from, in order.

    >>> import ibis
    >>> deals = ibis.table({"id": "string", "price": "float64", "paid": "float64"}, name="deals")
    >>> column_lineage(deals.filter(deals.paid > 0).select("id", discount=deals.price - deals.paid))
    {'id': [('deals', 'id')], 'discount': [('deals', 'paid'), ('deals', 'price')]}
    """
    return {name: sorted(origins(table[name])) for name in table.columns}


def stored_table(table: ir.Table) -> str | None:
    """Return the engine's name for a stored table, or None for any other expression."""
    operation = table.op()
    return operation.name if isinstance(operation, ops.PhysicalTable) else None


def _of_value(node: Any) -> set[Origin]:
    if isinstance(node, ops.Field):
        return _of_column(node.rel, node.name)
    found = set()
    for argument in _flat(node.args):
        if isinstance(argument, ops.Relation):
            found |= _of_rows(argument)
        elif isinstance(argument, ops.Node):
            found |= _of_value(argument)
    return found


def _of_column(rel: Any, name: str) -> set[Origin]:
    """Return the columns that a column of a relation is computed from."""
    match rel:
        case ops.PhysicalTable():
            return {(rel.name, name)}
        case ops.Project():
            return _of_value(rel.values[name])
        case ops.Aggregate():
            keys = _of_values(rel.groups.values())
            return keys if name in rel.groups else keys | _of_value(rel.metrics[name]) | _of_rows(rel.parent)
        case ops.JoinChain():
            value = rel.values[name]
            joined = [link for link in rel.rest if link.table in value.relations]
            looked_up = _of_values(predicate for link in joined for predicate in link.predicates)
            return _of_value(value).union(looked_up, *(_of_rows(link.table) for link in joined))
        case (
            ops.Filter() | ops.Sort() | ops.DropColumns() | ops.Reference() | ops.Distinct() | ops.DropNull()
        ):
            return _of_column(rel.parent, name)
    # Unknown operation: report too many columns rather than miss one.
    return _everything_below(rel)


def _of_rows(rel: Any) -> set[Origin]:
    """Return the columns that decide which rows a relation has."""
    match rel:
        case ops.PhysicalTable():
            return set()
        case ops.Filter():
            return _of_rows(rel.parent) | _of_values(rel.predicates)
        case ops.Aggregate():
            return _of_rows(rel.parent) | _of_values(rel.groups.values())
        case ops.JoinChain():
            # A left join keeps all rows; every join here looks up at most one row for each.
            others = [link for link in rel.rest if link.how != "left"]
            links = (_of_rows(link.table) | _of_values(link.predicates) for link in others)
            return _of_rows(rel.first).union(*links)
        case ops.Distinct() | ops.DropNull():
            columns = (_of_column(rel.parent, name) for name in rel.parent.schema.names)
            return _of_rows(rel.parent).union(*columns)
        case ops.Project() | ops.Sort() | ops.DropColumns() | ops.Reference():
            return _of_rows(rel.parent)
    return _everything_below(rel)


def _of_values(nodes: Iterable[Any]) -> set[Origin]:
    return set().union(*(_of_value(node) for node in nodes))


def _everything_below(rel: Any) -> set[Origin]:
    tables = rel.find(ops.PhysicalTable)
    return {(table.name, column) for table in tables for column in table.schema.names}


def _flat(arguments: Iterable[Any]) -> list[Any]:
    found = []
    for argument in arguments:
        found += _flat(argument) if isinstance(argument, tuple) else [argument]
    return found

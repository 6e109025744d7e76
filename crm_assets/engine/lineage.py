"""Column lineage: the stored columns that each column of an expression is computed from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import ibis.expr.operations as ops
import ibis.expr.types as ir

# The engine's name for a stored table, and one of its columns.
Origin = tuple[str, str]


Known = dict[tuple[Any, str], frozenset[Origin]]


def column_lineage(table: ir.Table) -> dict[str, list[Origin]]:
    """Return the stored columns that each column of an expression is computed from, in order.

    An aggregate also depends on the columns that it groups by. A joined literal, which only says that a row
    was found, depends on the columns that filter the joined table. Other columns that only filter, join or
    sort do not count. A literal depends on no column.

    >>> import ibis
    >>> deals = ibis.table({"id": "string", "price": "float64", "paid": "float64"}, name="deals")
    >>> column_lineage(deals.filter(deals.paid > 0).select("id", discount=deals.price - deals.paid))
    {'id': [('deals', 'id')], 'discount': [('deals', 'paid'), ('deals', 'price')]}
    """
    known: Known = {}
    operation = table.op()
    return {name: sorted(_of_column(operation, name, known)) for name in table.columns}


def _of_column(relation: Any, name: str, known: Known) -> frozenset[Origin]:
    if isinstance(relation, ops.PhysicalTable):
        return frozenset({(relation.name, name)})
    key = (relation, name)
    if key not in known:
        if isinstance(relation, ops.Set):
            known[key] = _of_column(relation.left, name, known) | _of_column(relation.right, name, known)
        elif isinstance(relation, ops.JoinReference):
            found = _of_column(relation.parent, name, known)
            known[key] = found or _of_filters(relation.parent, known)
        elif isinstance(relation, ops.Reference):
            known[key] = _of_column(relation.parent, name, known)
        else:
            known[key] = _of_value(relation.values[name], known)
            if isinstance(relation, ops.Aggregate) and name in relation.metrics:
                known[key] |= _of_values(relation.groups.values(), known)
    return known[key]


def _of_filters(relation: Any, known: Known) -> frozenset[Origin]:
    """Return the columns that decide which rows a filtered and projected table has."""
    found: frozenset[Origin] = frozenset()
    while isinstance(relation, ops.Project | ops.Filter | ops.Sort):
        if isinstance(relation, ops.Filter):
            found |= _of_values(relation.predicates, known)
        relation = relation.parent
    return found


def _of_value(value: Any, known: Known) -> frozenset[Origin]:
    if isinstance(value, ops.Field):
        return _of_column(value.rel, value.name, known)
    if isinstance(value, ops.Subquery):
        found = frozenset().union(*(_of_column(value.rel, name, known) for name in value.rel.schema))
        return found | _of_value(getattr(value, "needle", None), known)
    if isinstance(value, ops.Relation):
        # Counting rows does not depend on their values.
        return frozenset()
    return _of_values(value if isinstance(value, tuple) else getattr(value, "__args__", ()), known)


def _of_values(values: Iterable[Any], known: Known) -> frozenset[Origin]:
    return frozenset().union(*(_of_value(value, known) for value in values))


def stored_table(table: ir.Table) -> str | None:
    """Return the engine's name for a stored table, or None for any other expression."""
    operation = table.op()
    return operation.name if isinstance(operation, ops.PhysicalTable) else None

"""What each Ibis operation gives for the values of one row, as DuckDB computes it; None is null."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import ibis.expr.operations as ops

Value = Callable[[Any], Any]


class NotByRowError(Exception):
    """An operation, or a value, that only a table engine computes."""


def _strict(compute: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that gives null if any of its arguments is null."""

    def computed(*values: Any) -> Any:
        return None if any(value is None for value in values) else compute(*values)

    return computed


def _divide(left: float, right: float) -> float:
    if right == 0:
        raise NotByRowError("division by zero")
    return left / right


# Operations whose result is null if an argument is, by the names of their arguments.
_STRICT: dict[type, tuple[tuple[str, ...], Callable[..., Any]]] = {
    ops.Add: (("left", "right"), operator.add),
    ops.Subtract: (("left", "right"), operator.sub),
    ops.Multiply: (("left", "right"), operator.mul),
    ops.Divide: (("left", "right"), _divide),
    ops.Equals: (("left", "right"), operator.eq),
    ops.NotEquals: (("left", "right"), operator.ne),
    ops.Less: (("left", "right"), operator.lt),
    ops.LessEqual: (("left", "right"), operator.le),
    ops.Greater: (("left", "right"), operator.gt),
    ops.GreaterEqual: (("left", "right"), operator.ge),
    ops.Negate: (("arg",), operator.neg),
    ops.Not: (("arg",), operator.not_),
    ops.DateDelta: (("left", "right"), lambda left, right: (left - right).days),
    ops.DayOfWeekIndex: (("arg",), lambda day: day.weekday()),
    ops.ExtractYear: (("arg",), lambda day: day.year),
    ops.ExtractMonth: (("arg",), lambda day: day.month),
    ops.ExtractDay: (("arg",), lambda day: day.day),
}


def value_of(node: ops.Node, compiled: Callable[[Any], Value]) -> Value:
    """Return the function that computes an operation from the values of a row.

    An operation that is not known here raises `NotByRowError` when its value is asked for.

    Args:
        node: the operation; not a field of a table.
        compiled: returns the function of an argument.
    """
    if isinstance(node, ops.Literal):
        constant = node.value
        return lambda _: constant
    if (strict := _STRICT.get(type(node))) is not None and _is_of_days(node):
        names, compute = strict
        return _of_arguments([compiled(getattr(node, name)) for name in names], _strict(compute))
    special = _SPECIAL.get(type(node))
    return _unknown(type(node).__name__) if special is None else special(node, compiled)


def _is_of_days(node: Any) -> bool:
    return not isinstance(node, ops.DateDelta) or getattr(node.part, "value", None) == "day"


def _of_arguments(arguments: list[Value], compute: Callable[..., Any]) -> Value:
    if len(arguments) == 1:
        (only,) = arguments
        return lambda row: compute(only(row))
    left, right = arguments
    return lambda row: compute(left(row), right(row))


def _unknown(name: str) -> Value:
    def refuse(_: Any) -> Any:
        raise NotByRowError(name)

    return refuse


def _cast(node: Any, compiled: Callable[[Any], Value]) -> Value:
    was, to, value = node.arg.dtype, node.to, compiled(node.arg)
    if was.copy(nullable=True) == to.copy(nullable=True) or (was.is_integer() and to.is_integer()):
        return value
    if to.is_floating() and (was.is_integer() or was.is_boolean() or was.is_floating()):
        return _of_arguments([value], _strict(float))
    return _unknown(f"cast from {was} to {to}")


def _if_else(node: Any, compiled: Callable[[Any], Value]) -> Value:
    test, yes, no = (compiled(part) for part in (node.bool_expr, node.true_expr, node.false_null_expr))
    return lambda row: yes(row) if test(row) else no(row)


def _cases(node: Any, compiled: Callable[[Any], Value]) -> Value:
    pairs = [(compiled(c), compiled(r)) for c, r in zip(node.cases, node.results, strict=True)]
    default = compiled(node.default)
    base = compiled(node.base) if isinstance(node, ops.SimpleCase) else None

    def chosen(row: Any) -> Any:
        known = True if base is None else base(row)
        for case, result in pairs:
            if known is not None and case(row) == known:
                return result(row)
        return default(row)

    return chosen


def _coalesce(node: Any, compiled: Callable[[Any], Value]) -> Value:
    parts = [compiled(part) for part in node.arg]

    def first(row: Any) -> Any:
        for part in parts:
            if (value := part(row)) is not None:
                return value
        return None

    return first


def _extreme(choose: Callable[..., Any]) -> Callable[[Any, Callable[[Any], Value]], Value]:
    def made(node: Any, compiled: Callable[[Any], Value]) -> Value:
        parts = [compiled(part) for part in node.arg]
        # DuckDB leaves nulls out.
        return lambda row: choose((v for part in parts if (v := part(row)) is not None), default=None)

    return made


def _null_if(node: Any, compiled: Callable[[Any], Value]) -> Value:
    value, null = compiled(node.arg), compiled(node.null_if_expr)
    return lambda row: None if (known := value(row)) == null(row) else known


def _null(test: bool) -> Callable[[Any, Callable[[Any], Value]], Value]:
    def made(node: Any, compiled: Callable[[Any], Value]) -> Value:
        value = compiled(node.arg)
        return lambda row: (value(row) is None) is test

    return made


def _logic(decides: bool) -> Callable[[Any, Callable[[Any], Value]], Value]:
    """Return AND (False decides) or OR (True decides) with SQL's unknown."""

    def made(node: Any, compiled: Callable[[Any], Value]) -> Value:
        left, right = compiled(node.left), compiled(node.right)

        def both(row: Any) -> bool | None:
            values = (left(row), right(row))
            if decides in values:
                return decides
            return None if None in values else not decides

        return both

    return made


def _one_of(node: Any, compiled: Callable[[Any], Value]) -> Value:
    value, options = compiled(node.value), [compiled(option) for option in node.options]
    return _of_arguments([value], _strict(lambda known: known in [option(None) for option in options]))


_SPECIAL: dict[type, Callable[[Any, Callable[[Any], Value]], Value]] = {
    ops.Cast: _cast,
    ops.IfElse: _if_else,
    ops.SearchedCase: _cases,
    ops.SimpleCase: _cases,
    ops.Coalesce: _coalesce,
    ops.Least: _extreme(min),
    ops.Greatest: _extreme(max),
    ops.NullIf: _null_if,
    ops.NotNull: _null(False),
    ops.IsNull: _null(True),
    ops.And: _logic(False),
    ops.Or: _logic(True),
    ops.InValues: _one_of,
}

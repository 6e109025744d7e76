"""Judge the rules of a suite by queries, for tables that are too large for great-expectations on pandas.

A test checks that the counts are the same. The examples are the rows with the first keys.
"""

from __future__ import annotations

from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd
from ibis import _

from crm_assets.crm.rules import Rule
from crm_assets.defs.checks.gx import VALUES_SHOWN
from crm_assets.defs.checks.suite import EXAMPLES, MONTH, Outcome

_ABOUT, _BROKEN = "about ", "broken "


def judge(table: ir.Table, rules: list[Rule], key: list[str]) -> list[Outcome]:
    """Judge a table.

    Args:
        table: the rows.
        rules: resolved rules.
        key: the columns that identify a row.

    Returns:
        One outcome per rule, in order.
    """
    marked = _marked(table, rules)
    sums = {
        f"{sign}{rule.name}": _[f"{sign}{rule.name}"].sum() for rule in rules for sign in (_ABOUT, _BROKEN)
    }
    by_month = MONTH in table.columns
    counts = (marked.group_by(MONTH) if by_month else marked).agg(**sums).to_pyarrow().to_pandas().fillna(0)
    if by_month:
        counts = counts.sort_values(MONTH)
    return [_outcome(rule, counts, marked, key) for rule in rules]


def clean_rows(table: ir.Table, rules: list[Rule]) -> dict[str, tuple[int, int]]:
    """Count the rows of a table and those that break no rule, by month if the table has months."""
    marked = _marked(table, rules)
    broken = [marked[f"{_BROKEN}{rule.name}"] for rule in rules]
    faulty: Any = ibis.greatest(ibis.literal(0, "int64"), *broken)
    month = marked[MONTH] if MONTH in marked.columns else ibis.literal("")
    counts = marked.group_by(month=month).agg(rows=marked.count(), faulty=faulty.sum()).order_by("month")
    found = counts.to_pyarrow().to_pylist()
    return {row["month"]: (row["rows"], row["rows"] - int(row["faulty"] or 0)) for row in found}


def _marked(table: ir.Table, rules: list[Rule]) -> ir.Table:
    """Add two columns per rule: 1 if the rule applies to the row, and 1 if the row breaks the rule."""
    columns = {}
    for rule in rules:
        columns[f"{_ABOUT}{rule.name}"] = rule.about(table).cast("int64")
        columns[f"{_BROKEN}{rule.name}"] = rule.broken(table).cast("int64")
    return table.mutate(**columns)


def _outcome(rule: Rule, counts: pd.DataFrame, marked: ir.Table, key: list[str]) -> Outcome:
    broken = counts[f"{_BROKEN}{rule.name}"].astype("int64")
    examples: list[dict[str, str]] = []
    observed = ""
    if broken.sum():
        rows = marked.filter(marked[f"{_BROKEN}{rule.name}"] == 1)
        first = rows.select(key).order_by(key).limit(EXAMPLES).to_pyarrow().to_pylist()
        examples = [{k: str(v) for k, v in row.items()} for row in first]
        observed = _values(rows, rule)
    months = dict(zip(counts[MONTH], broken, strict=True)) if MONTH in counts else {}
    return Outcome(
        rule=rule.name,
        severity=rule.severity,
        expectation=rule.expectation,
        checked=int(counts[f"{_ABOUT}{rule.name}"].sum()),
        unexpected=int(broken.sum()),
        observed=observed,
        examples=examples,
        by_month={str(month): int(count) for month, count in months.items() if count},
        remedy=rule.remedy,
    )


def _values(rows: ir.Table, rule: Rule) -> str:
    """Return some of the values that break a rule about one column."""
    column = rule.arguments.get("column")
    if column is None:
        return ""
    values = rows.select(column).distinct().drop_null().order_by(column).limit(VALUES_SHOWN)
    return ", ".join(str(value) for value in values.to_pyarrow()[0].to_pylist())

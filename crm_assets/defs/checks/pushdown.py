"""Judge the rules of a suite by queries, for tables that are too large for great-expectations on pandas.

A test checks that the counts are the same. The examples are the rows with the first keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd
from ibis import _

from crm_assets.crm.rules import Rule
from crm_assets.defs.checks.gx import VALUES_SHOWN
from crm_assets.defs.checks.suite import EXAMPLES, MONTH, Outcome

_ABOUT, _BROKEN = "about ", "broken "


@dataclass(frozen=True)
class Judged:
    """A table and what one query counted in it.

    Attributes:
        marked: the rows, with two columns per rule: 1 if the rule applies to the row, and 1 if the row breaks
            the rule.
        counts: one row per month, or one if the table has no months: `month`, `rows`, `faulty` (those that
            break any rule), and the sums of the columns above.
    """

    marked: ir.Table
    counts: pd.DataFrame

    def outcomes(self, rules: list[Rule], key: list[str]) -> list[Outcome]:
        """Return one outcome per rule, in order; `key` are the columns that identify a row."""
        return [_outcome(rule, self.counts, self.marked, key) for rule in rules]

    @property
    def clean_rows(self) -> dict[str, tuple[int, int]]:
        """The rows of each month and those that break no rule; the month is empty without months."""
        each = self.counts[["month", "rows", "faulty"]].itertuples(index=False, name=None)
        return {month: (int(rows), int(rows - faulty)) for month, rows, faulty in each}


def count(table: ir.Table, rules: list[Rule]) -> Judged:
    """Judge a table by resolved rules in one query."""
    marked = _marked(table, rules)
    sums = {
        f"{sign}{rule.name}": _[f"{sign}{rule.name}"].sum() for rule in rules for sign in (_ABOUT, _BROKEN)
    }
    broken = [marked[f"{_BROKEN}{rule.name}"] for rule in rules]
    faulty: Any = ibis.greatest(ibis.literal(0, "int64"), *broken)
    month = marked[MONTH] if MONTH in marked.columns else ibis.literal("")
    counted = marked.group_by(month=month).agg(rows=marked.count(), faulty=faulty.sum(), **sums)
    return Judged(marked, counted.order_by("month").to_pyarrow().to_pandas().fillna(0))


def _marked(table: ir.Table, rules: list[Rule]) -> ir.Table:
    """Add the two columns of each rule."""
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
    months = dict(zip(counts["month"], broken, strict=True))
    return Outcome(
        rule=rule.name,
        severity=rule.severity,
        expectation=rule.expectation,
        checked=int(counts[f"{_ABOUT}{rule.name}"].sum()),
        unexpected=int(broken.sum()),
        observed=observed,
        examples=examples,
        by_month={str(month): int(count) for month, count in months.items() if count and month},
        remedy=rule.remedy,
    )


def _values(rows: ir.Table, rule: Rule) -> str:
    """Return some of the values that break a rule about one column."""
    column = rule.arguments.get("column")
    if column is None:
        return ""
    values = rows.select(column).distinct().drop_null().order_by(column).limit(VALUES_SHOWN)
    return ", ".join(str(value) for value in values.to_pyarrow()[0].to_pylist())

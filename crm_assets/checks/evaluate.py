"""Judging a stored table by its suites: on the rows where they are few, in the engine where they are many."""

from __future__ import annotations

from dataclasses import dataclass

import ibis.expr.types as ir
import pandas as pd

from crm_assets.checks import gx, pushdown
from crm_assets.checks.rules import Rule
from crm_assets.checks.suite import Outcome, Suite
from crm_assets.storage.tables import TableStore

# Beyond it great-expectations on pandas takes longer than the table took to make.
ROWS_FOR_PANDAS = 100_000


@dataclass(frozen=True)
class Verdict:
    """What became of a table's rules.

    Attributes:
        table: its name.
        rows: how many rows were judged.
        clean_rows: how many of them break no rule.
        outcomes: one per rule.
        judged_by: what judged the rows.
        unjudged: rules that look into a table that is not stored, each with that table.
    """

    table: str
    rows: int
    clean_rows: int
    outcomes: list[Outcome]
    judged_by: str
    unjudged: dict[str, str]

    @property
    def score(self) -> float:
        """The quality score, 0 to 1: the share of rows that break no rule; 1 where there are no rows."""
        return self.clean_rows / self.rows if self.rows else 1.0

    def broken(self, severity: str) -> list[Outcome]:
        """The outcomes of broken rules of one severity."""
        return [o for o in self.outcomes if o.severity == severity and not o.success]


def evaluate(
    store: TableStore, suites: tuple[Suite, ...], months: list[str] | None, limit: int = ROWS_FOR_PANDAS
) -> Verdict:
    """Judge a stored table, or some months of it.

    Args:
        store: where it is kept.
        suites: the suites of one table.
        months: the months to judge; None for a table without months.
        limit: up to how many rows great-expectations judges the rows themselves.

    Raises:
        StorageError: the table is not stored.
    """
    name = suites[0].name

    def read(other: str) -> ir.Table:
        kept = store.months(other)
        return store.read(other, [m for m in months or kept if m in kept] if kept else None)

    stored = store.read(name, months)
    columns = _columns(suites[0], stored)
    if not columns.success:
        # Rules about columns that are not there, or of another type, cannot be judged: no row is clean.
        return Verdict(name, stored.count().to_pyarrow().as_py(), 0, [columns], "the columns alone", {})
    outcomes, rows, clean = [columns], 0, 0
    judges: list[str] = []
    unjudged: dict[str, str] = {}
    for suite in suites:
        table = store.read(name, store.months(name) if suite.whole_history else months)
        blind = {rule.name: other for rule in suite.rules if (other := _unstored(store, rule))}
        unjudged |= blind
        rules = [rule.resolved(read) for rule in suite.rules if rule.name not in blind]
        derived = suite.derive(table, read)
        count = derived.count().to_pyarrow().as_py()
        small = count <= limit
        if small:
            outcomes += gx.judge(store.to_pandas(derived), rules, suite.shown_key)
        else:
            outcomes += pushdown.judge(derived, rules, suite.shown_key)
        judges.append("great-expectations on pandas" if small else "queries of the table engine")
        if suite.scored:
            counted, spotless = pushdown.clean_rows(derived, rules)
            rows, clean = rows + counted, clean + spotless
    return Verdict(name, rows, clean, outcomes, ", ".join(dict.fromkeys(judges)), unjudged)


def _columns(suite: Suite, table: ir.Table) -> Outcome:
    expected = [f"{field.name} {field.type}" for field in suite.table.arrow]
    return gx.same_columns(expected, [f"{field.name} {field.type}" for field in table.schema().to_pyarrow()])


def _unstored(store: TableStore, rule: Rule) -> str:
    """The table that a rule looks into, where it is not stored."""
    other = rule.other_table
    return other if other and not store.has(other) else ""


def summary(outcomes: list[Outcome]) -> pd.DataFrame:
    """The outcomes as a table for people, broken rules first."""
    rows = [
        {
            "rule": outcome.rule,
            "holds": "yes" if outcome.success else "NO",
            "expectation": outcome.expectation,
            "checked": outcome.checked,
            "unexpected": outcome.unexpected,
            "percent": round(outcome.percent, 3),
            "observed": outcome.observed,
        }
        for outcome in sorted(outcomes, key=lambda o: o.success)
    ]
    columns = ["rule", "holds", "expectation", "checked", "unexpected", "percent", "observed"]
    return pd.DataFrame(rows, columns=pd.Index(columns))


def sentence(outcomes: list[Outcome]) -> str:
    """What is broken, in a line."""
    broken = [outcome for outcome in outcomes if not outcome.success]
    if not broken:
        return f"All {len(outcomes)} rules hold."
    said = "; ".join(
        f"{o.rule}: {o.unexpected:,} of {o.checked:,} ({o.percent:.1f} %)"
        + (f", as {o.observed}" if o.observed else "")
        for o in broken
    )
    return f"{len(broken)} of {len(outcomes)} rules broken. {said}."

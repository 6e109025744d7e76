"""Judge a stored table by its suites: small tables in pandas, large ones in the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa

from crm_assets.crm.rules import Rule
from crm_assets.crm.schema import RAW_TABLES, as_given
from crm_assets.defs.checks import gx, pushdown
from crm_assets.defs.checks.suite import Outcome, Suite
from crm_assets.storage.tables import TableStore

# Above this size, great-expectations on pandas takes at least three times as long as the engine.
ROWS_FOR_PANDAS = 10_000


@dataclass(frozen=True)
class Verdict:
    """The result of judging a table.

    Attributes:
        table: the table's name.
        counts: how many rows were judged, and how many of them break no rule, by month; the month is
            empty if the table is not stored by month.
        outcomes: one outcome per rule.
        judged_by: the tool that judged the rows.
        unjudged: rules that were skipped because they need a column or a table that is not there, each with
            what is not there.
    """

    table: str
    counts: dict[str, tuple[int, int]]
    outcomes: list[Outcome]
    judged_by: str
    unjudged: dict[str, str]

    @property
    def rows(self) -> int:
        """How many rows were judged."""
        return sum(rows for rows, _ in self.counts.values())

    @property
    def clean_rows(self) -> int:
        """How many of the judged rows break no rule."""
        return sum(clean for _, clean in self.counts.values())

    @property
    def score(self) -> float:
        """The quality score, 0 to 1: the share of rows that break no rule; 1 if there are no rows."""
        return self.clean_rows / self.rows if self.rows else 1.0

    def broken(self, severity: str) -> list[Outcome]:
        """Return the outcomes of broken rules of one severity."""
        return [o for o in self.outcomes if o.severity == severity and not o.success]


def evaluate(
    store: TableStore,
    suites: tuple[Suite, ...],
    months: list[str] | None,
    history: list[str] | None = None,
    limit: int = ROWS_FOR_PANDAS,
) -> Verdict:
    """Judge a stored table, or some months of it.

    Args:
        store: the store of the table.
        suites: the suites of one table.
        months: the months to judge; None for a table without months.
        history: the months that rules about history look at; None for all stored months.
        limit: the largest number of rows that great-expectations judges in pandas.

    Raises:
        StorageError: the table is not stored, or a rule that must hold needs a table that is not stored.
    """
    name = suites[0].name

    def read(name: str, *, whole_history: bool = False) -> ir.Table:
        kept = store.months(name)
        wanted = (history or kept) if whole_history or months is None else months
        return store.read(name, [m for m in wanted if m in kept] if kept else None)

    columns = _columns(store, suites[0], months)
    if not columns.success:
        # If columns are missing or have another type, no rule can be judged, so no row counts as clean.
        counts = {month or "": (store.rows(name, month), 0) for month in months or [None]}
        return Verdict(name, counts, [columns], "the columns alone", {})
    outcomes = [columns]
    counts: dict[str, tuple[int, int]] = {}
    judges: list[str] = []
    unjudged: dict[str, str] = {}
    for suite in suites:
        table = read(name, whole_history=True) if suite.whole_history else store.read(name, months)
        derived = suite.derive(table, read)
        blind = {rule.name: why for rule in suite.rules if (why := _blind(store, suite, rule, derived))}
        unjudged |= blind
        rules = [rule.resolved(table, read) for rule in suite.rules if rule.name not in blind]
        judged = pushdown.count(derived, rules)
        small = sum(rows for rows, _ in judged.clean_rows.values()) <= limit
        if small:
            outcomes += gx.judge(store.to_pandas(derived), rules, suite.shown_key)
        else:
            outcomes += judged.outcomes(rules, suite.shown_key)
        judges.append("great-expectations on pandas" if small else "queries of the table engine")
        if suite.scored:
            counts = judged.clean_rows
    if months is None:
        rows, clean = (sum(count[i] for count in counts.values()) for i in (0, 1))
        counts = {"": (rows, clean)}
    return Verdict(name, counts, outcomes, ", ".join(dict.fromkeys(judges)), unjudged)


def _columns(store: TableStore, suite: Suite, months: list[str] | None) -> Outcome:
    """Check that each stored file has the columns and types of the table; report the first that differs.

    All months may lack an optional column; a month alone may not, since it comes from another dump.
    """
    found = {month: store.schema(suite.name, month) for month in months or [None]}
    names = {name for schema in found.values() for name in schema.names}
    expected = _fields(as_given(suite.table.arrow, names))
    fields = {month: _fields(schema) for month, schema in found.items()}
    other = next((month for month in fields if fields[month] != expected), next(iter(fields)))
    return gx.same_columns(expected, fields[other], other or "")


def _fields(schema: pa.Schema) -> list[str]:
    # Parquet has another name for the items of a list.
    return [f"{field.name} {field.type}".replace("list<element: ", "list<item: ") for field in schema]


def _blind(store: TableStore, suite: Suite, rule: Rule, table: ir.Table) -> str:
    """Return why a rule cannot be judged: what it needs is absent or not stored yet; else nothing."""
    if lacking := sorted(name for name in rule.needs if name in suite.table.optional and name not in table):
        return f"there is no {', '.join(lacking)}"
    other = rule.other_table
    if other is None or other == suite.name:
        return ""
    if not store.has(other):
        return f"{other} is not stored" if rule.severity == "should" or suite.judged_before else ""
    raw = next((raw for raw in RAW_TABLES if raw.name == other), None)
    return f"the source has no {raw.file_name}" if raw and not raw.is_there(store.rows(other)) else ""


def summary(outcomes: list[Outcome]) -> pd.DataFrame:
    """Return the outcomes as a table for people, broken rules first."""
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


def sentence(outcomes: list[Outcome], unjudged: Mapping[str, str]) -> str:
    """Return the broken rules in one line; without any, how many hold.

    Args:
        outcomes: the outcomes of the rules.
        unjudged: why rules were not judged, which a reader must know if no other rule was.
    """
    broken = [outcome for outcome in outcomes if not outcome.success]
    if not outcomes:
        return f"No rule was judged: {'; '.join(sorted(set(unjudged.values()))) or 'there is none'}."
    if not broken:
        return f"All {len(outcomes)} rules hold." if len(outcomes) > 1 else "The one rule holds."
    said = "; ".join(
        f"{o.rule}: {o.unexpected:,} of {o.checked:,} ({o.percent:.1f} %)"
        + (f", for example {o.observed}" if o.observed else "")
        for o in broken
    )
    return f"{len(broken)} of {len(outcomes)} rules broken. {said}."

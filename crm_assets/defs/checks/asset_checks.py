"""Suites as asset checks: each table has one with rules that stop the run, and one with rules that warn.

A run over months judges the months of the run. A run of only checks judges everything that is stored.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from crm_assets.crm.schema import RawTable, TableSchema
from crm_assets.defs.checks.evaluate import Verdict, evaluate, sentence, summary
from crm_assets.defs.checks.scores import keep
from crm_assets.defs.checks.suite import Outcome, Suite
from crm_assets.defs.metadata import Fact, broken
from crm_assets.defs.metadata import table as shown
from crm_assets.defs.partitions import MONTH_TAG, RANGE_TAGS, monthly
from crm_assets.defs.resources.store import TableStoreResource
from crm_assets.defs.told import told

MUST, SHOULD = "must_hold", "should_hold"
DESCRIPTIONS = {
    MUST: "Rules that stop the run if they are broken, because results would be wrong.",
    SHOULD: "Rules that warn if they are broken, so that a person takes a look.",
}

LEVELS = {MUST: ("must", dg.AssetCheckSeverity.ERROR), SHOULD: ("should", dg.AssetCheckSeverity.WARN)}


def quality_checks(*suites: Suite, by_month: bool = False) -> dg.AssetChecksDefinition:
    """Return the asset checks of one table.

    Args:
        suites: the suites of the table; the first one names the table.
        by_month: whether the table is stored by month.
    """
    name = suites[0].name
    # The columns must be as declared in any case; a table without rules that warn gets no such check.
    severities = {"must", *(rule.severity for suite in suites for rule in suite.rules)}
    kinds = {check: text for check, text in DESCRIPTIONS.items() if LEVELS[check][0] in severities}
    others = {rule.other_table for suite in suites for rule in suite.rules if rule.other_table} - {name}
    specs = [
        dg.AssetCheckSpec(
            check,
            asset=name,
            description=text,
            blocking=check == MUST,
            additional_deps=sorted(str(other) for other in others),
        )
        for check, text in kinds.items()
    ]

    @dg.multi_asset_check(name=f"{name}_quality", specs=specs, can_subset=True)
    @told
    def checks(
        context: dg.AssetCheckExecutionContext, tables: TableStoreResource
    ) -> Iterator[dg.AssetCheckResult]:
        store = tables.store
        # Ignore months that another source left in the same store.
        history = sorted(set(store.months(name)) & set(monthly.get_partition_keys())) if by_month else None
        verdict = evaluate(store, suites, _months(context, history), history)
        context.op_execution_context.log_event(keep(store, verdict, history))
        # A person may execute only one of the two checks.
        for check in sorted(key.name for key in context.selected_asset_check_keys):
            yield _result(verdict, check, suites[0].table)

    return checks


def _months(context: dg.AssetCheckExecutionContext, history: list[str] | None) -> list[str] | None:
    """Return the stored months in the run's range, or all of them if the run has no range."""
    tags = context.run.tags
    first, last = (tags.get(tag, tags.get(MONTH_TAG)) for tag in RANGE_TAGS)
    if history is None or first is None or last is None:
        return history
    return [month for month in history if first <= month <= last]


def _result(verdict: Verdict, check: str, table: TableSchema) -> dg.AssetCheckResult:
    severity, level = LEVELS[check]
    outcomes = [outcome for outcome in verdict.outcomes if outcome.severity == severity]
    return dg.AssetCheckResult(
        check_name=check,
        asset_key=verdict.table,
        passed=all(outcome.success for outcome in outcomes),
        severity=level,
        description=_absent(table, verdict.rows) or sentence(outcomes, verdict.unjudged),
        metadata={
            Fact.ROWS_JUDGED: verdict.rows,
            Fact.QUALITY_SCORE: verdict.score,
            Fact.JUDGED_BY: verdict.judged_by,
            Fact.NOT_JUDGED: ", ".join(f"{rule} ({why})" for rule, why in verdict.unjudged.items()) or "none",
            Fact.RULES: shown(summary(outcomes)),
            **{broken(o.rule): _evidence(o) for o in outcomes if not o.success},
        },
    )


def _absent(table: TableSchema, rows: int) -> str:
    """Return a sentence if an optional table is missing, so that there is nothing to judge."""
    if not isinstance(table, RawTable) or table.is_there(rows):
        return ""
    return f"The source has no rows of {table.file_name}, which is optional: there is nothing to judge."


def _evidence(outcome: Outcome) -> dg.JsonMetadataValue:
    evidence: dict[str, Any] = {
        "expectation": outcome.expectation,
        "severity": outcome.severity,
        "observed": outcome.observed,
        "checked": outcome.checked,
        "unexpected": outcome.unexpected,
        "percent": round(outcome.percent, 4),
        "examples": outcome.examples,
    }
    if outcome.remedy:
        evidence["remedy"] = outcome.remedy
    if outcome.by_month:
        evidence["unexpected by month"] = outcome.by_month
    return dg.MetadataValue.json(evidence)

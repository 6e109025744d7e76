"""Judge the rules of a suite on the rows of a data frame, with great-expectations."""

from __future__ import annotations

import os
import warnings
from collections.abc import Collection
from functools import cache
from typing import TYPE_CHECKING, Any

import pandas as pd

from crm_assets.crm.rules import Rule
from crm_assets.defs.checks.suite import EXAMPLES, MONTH, Outcome

if TYPE_CHECKING:
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.core.batch_definition import BatchDefinition
    from great_expectations.expectations.expectation import Expectation

VALUES_SHOWN = 3
_SEVERITY = {"must": "critical", "should": "warning"}


def judge(frame: pd.DataFrame, rules: list[Rule], key: list[str]) -> list[Outcome]:
    """Validate a data frame.

    Args:
        frame: the rows.
        rules: resolved rules.
        key: the columns that identify a row.

    Returns:
        One outcome per rule, in order.

    Raises:
        ValueError: an expectation cannot be evaluated, for example because its column is missing.
    """
    import great_expectations as gx

    batches = _batches()
    suite = gx.ExpectationSuite(
        name="rules", expectations=[_expectation(rule, frame.columns) for rule in rules]
    )
    result = batches.get_batch({"dataframe": frame}).validate(
        suite,
        result_format={
            "result_format": "COMPLETE",
            "partial_unexpected_count": EXAMPLES,
            "unexpected_index_column_names": key,
            "return_unexpected_index_query": False,
        },
    )
    # great-expectations returns the results in another order.
    found = {_name(single): single for single in result.results}
    return [_outcome(rule, found[rule.name], len(frame)) for rule in rules]


def same_columns(expected: list[str], found: list[str], month: str = "") -> Outcome:
    """Check that a table, or a month of it, has the expected columns in order; each is `name type`."""
    import great_expectations.expectations as gxe

    kind = "ExpectTableColumnsToMatchOrderedList"
    expectation = getattr(gxe, kind)(column_list=expected)
    frame = pd.DataFrame(columns=pd.Index(found))
    result = _batches().get_batch({"dataframe": frame}).validate(expectation)
    differing = sorted(set(expected) ^ set(found)) or ["the order"]
    return Outcome(
        rule="columns_and_types_as_declared",
        severity="must",
        expectation=kind,
        checked=len(expected),
        unexpected=0 if result.success else len(differing),
        observed="" if result.success else f"{month} differs in {', '.join(differing[:EXAMPLES])}".strip(),
    )


@cache
def _batches() -> BatchDefinition:
    """Return the batch definition that validates data frames; the whole process shares one context."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    with warnings.catch_warnings():
        # great-expectations imports deprecated names.
        warnings.simplefilter("ignore", DeprecationWarning)
        import great_expectations as gx
        from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.enable_analytics(enable=False)
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("frames").add_dataframe_asset("frame")
    return asset.add_batch_definition_whole_dataframe("whole")


def _expectation(rule: Rule, columns: Collection[str]) -> Expectation:
    import great_expectations.expectations as gxe
    from great_expectations.expectations.row_conditions import Column

    about: dict[str, Any] = {}
    if (where := rule.where) is not None:
        about["row_condition"] = Column(where.column).is_in([str(value) for value in where.one_of])
        if where.unless in columns:
            about["row_condition"] &= Column(where.unless).is_null()
    return getattr(gxe, rule.expectation)(
        **rule.arguments, **about, severity=_SEVERITY[rule.severity], meta={"rule": rule.name}
    )


def _name(found: ExpectationValidationResult) -> str:
    config = found.expectation_config
    return str(config.meta["rule"]) if config is not None and config.meta else ""


def _outcome(rule: Rule, found: ExpectationValidationResult, rows: int) -> Outcome:
    if error := _error(found.exception_info):
        raise ValueError(f"{rule.name} cannot be judged: {error}")
    result = found.result
    keys = pd.DataFrame(result.get("unexpected_index_list") or [])
    months = keys[MONTH].value_counts() if MONTH in keys else pd.Series(dtype="int64")
    return Outcome(
        rule=rule.name,
        severity=rule.severity,
        expectation=rule.expectation,
        checked=int(result.get("element_count", rows)),
        unexpected=int(result.get("unexpected_count", 0 if found.success else 1)),
        observed=_values(result.get("partial_unexpected_list") or []),
        examples=[{str(k): str(v) for k, v in row.items()} for row in keys.head(EXAMPLES).to_dict("records")],
        by_month={str(month): int(count) for month, count in months.sort_index().items()},
        remedy=rule.remedy,
    )


def _error(info: dict[str, Any]) -> str | None:
    # The information is flat, or nested under the id of the metric that failed.
    for entry in (info, *info.values()):
        if isinstance(entry, dict) and entry.get("raised_exception"):
            return str(entry.get("exception_message"))
    return None


def _values(values: list[Any]) -> str:
    # The list may hold keys of several columns too; the examples show those.
    given = [str(value) for value in values if pd.api.types.is_scalar(value) and not pd.isna(value)]
    return ", ".join(list(dict.fromkeys(given))[:VALUES_SHOWN])

"""What every row of a raw table must hold, as a table of small functions.

A rule gets the typed table and returns a mask of the rows that break it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crm_assets.crm.schema import CLOSED_STAGES, RAW_TABLES, RawTable, Stage
from crm_assets.sources.violations import ROWS_SHOWN, Violation

Mask = Callable[[pa.Table], pa.ChunkedArray]

FIRST_YEAR, LAST_YEAR = 1000, 2200


@dataclass(frozen=True)
class Rule:
    """One rule of a table: which column it blames, which rows break it, what to say and to do."""

    name: str
    column: str
    broken: Mask
    what: str
    remedy: str


@dataclass(frozen=True)
class Fault:
    """A rule that is broken, and the positions of the rows that break it."""

    rule: Rule
    positions: np.ndarray


def faults(table: pa.Table, rules: list[Rule]) -> Iterator[Fault]:
    """Those of the rules that a typed raw table breaks, in their order."""
    for rule in rules:
        broken = pc.fill_null(rule.broken(table), False)
        if pc.any(broken).as_py():
            yield Fault(rule, np.flatnonzero(broken.to_numpy(zero_copy_only=False)))


def violations(table: pa.Table, schema: RawTable) -> Iterator[Violation]:
    """The rules that a typed raw table breaks, in the order of the rules."""
    for fault in faults(table, rules_of(schema)):
        yield violation(table, schema, fault)


def violation(table: pa.Table, schema: RawTable, fault: Fault) -> Violation:
    """A fault with what a sentence about it needs."""
    rule, positions = fault.rule, fault.positions
    shown = table[rule.column].take(pa.array(positions[:ROWS_SHOWN]))
    return Violation(
        table=schema,
        rule=rule.name,
        column=rule.column,
        rows=table["source_row"].to_numpy()[positions],
        values=["" if value is None else str(value) for value in shown.to_pylist()],
        what=rule.what,
        remedy=rule.remedy,
    )


def rules_of(schema: RawTable) -> list[Rule]:
    """The rules of a table: required values, unique keys, ranges, and those of its own."""
    required = [
        Rule("required", column.name, _is_null(column.name), "where a value is required", "fill it in")
        for column in schema.columns
        if not column.nullable
    ]
    unique = [
        Rule("unique", key, _repeated(key), "stands more than once", "keep one row for each")
        for key in schema.key
    ]
    numbers = [
        Rule("not_negative", column.name, _negative(column.name), "is negative", "correct the number")
        for column in schema.columns
        if column.dtype in ("float64", "int64") and column.name not in ("source_row", "year_established")
    ]
    return [*required, *unique, *numbers, *_OWN.get(schema.name, [])]


def _is_null(column: str) -> Mask:
    return lambda table: pc.is_null(table[column])


def _negative(column: str) -> Mask:
    return lambda table: pc.less(table[column], 0)


def _repeated(column: str) -> Mask:
    def repeated(table: pa.Table) -> pa.ChunkedArray:
        counts = pc.value_counts(table[column])
        several = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
        return pc.and_(pc.is_in(table[column], several), pc.is_valid(table[column]))

    return repeated


def _after_today(column: str) -> Mask:
    # One mistyped year would stretch the calendar by centuries.
    return lambda table: pc.greater(table[column], pa.scalar(date.today()))


def _in_stage(table: pa.Table, *stages: Stage) -> pa.ChunkedArray:
    return pc.is_in(table["deal_stage"], pa.array([stage.value for stage in stages]))


def _without(column: str, *stages: Stage) -> Mask:
    return lambda table: pc.and_(_in_stage(table, *stages), pc.is_null(table[column]))


def _with(column: str, *stages: Stage) -> Mask:
    return lambda table: pc.and_(_in_stage(table, *stages), pc.is_valid(table[column]))


def _stage_rules() -> Iterator[Rule]:
    engaged = (Stage.ENGAGING, *CLOSED_STAGES)
    still_open = (Stage.PROSPECTING, Stage.ENGAGING)
    yield Rule(
        "known_stage",
        "deal_stage",
        lambda table: pc.and_(pc.invert(_in_stage(table, *Stage)), pc.is_valid(table["deal_stage"])),
        "is no stage",
        f"use {', '.join(Stage)}",
    )
    yield Rule(
        "engaged_without_date",
        "engage_date",
        _without("engage_date", *engaged),
        "where the deal is engaged or closed",
        "fill in the engage date or set the stage to Prospecting",
    )
    yield Rule(
        "prospect_with_date",
        "engage_date",
        _with("engage_date", Stage.PROSPECTING),
        "belongs to a deal that is still prospecting",
        "remove the date or set the stage to Engaging",
    )
    for column, name in (("close_date", "close date"), ("close_value", "close value")):
        yield Rule(
            f"closed_without_{column}",
            column,
            _without(column, *CLOSED_STAGES),
            "where the deal is Won or Lost",
            f"fill in the {name} or set the stage to Engaging",
        )
        yield Rule(
            f"open_with_{column}",
            column,
            _with(column, *still_open),
            "belongs to a deal that is not closed",
            f"remove the {name} or set the stage to Won or Lost",
        )
    yield Rule(
        "close_before_engage",
        "close_date",
        lambda table: pc.less(table["close_date"], table["engage_date"]),
        "lies before the deal's engage_date",
        "correct one of the two dates",
    )
    for column in ("engage_date", "close_date"):
        yield Rule(
            "not_in_the_future", column, _after_today(column), "lies in the future", "correct the date"
        )


_OWN: dict[str, list[Rule]] = {
    "raw_sales_pipeline": list(_stage_rules()),
    "raw_accounts": [
        Rule(
            "possible_year",
            "year_established",
            lambda table: pc.or_(
                pc.less(table["year_established"], FIRST_YEAR),
                pc.greater(table["year_established"], LAST_YEAR),
            ),
            "is no year",
            f"write a year from {FIRST_YEAR} to {LAST_YEAR}",
        )
    ],
}

RULE_NAMES = sorted({rule.name for table in RAW_TABLES for rule in rules_of(table)})

"""The history of deals: what changed between two archived dumps, and when relative to closing."""

from __future__ import annotations

from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc

from crm_assets.crm.deals import DETAILS, DIMENSIONS, OPPORTUNITY_ID
from crm_assets.crm.schema import CLOSED_STAGES, Column, Stage, TableSchema

BEFORE_CLOSING, AT_CLOSING, AFTER_CLOSING = "before_closing", "at_closing", "after_closing"
REOPENED, VANISHED, RETURNED = "reopened", "vanished", "returned"
OPEN = "open"
# Upper limits of the days since closing by which rates after closing are counted.
DAYS_AFTER = (60, 120, 180)

_DEAL = OPPORTUNITY_ID.name
# The CRM's own stage moves on with the deal, like the dates.
_STAGE = ("stage_name", "stage_position", "stage_changed_date")
UNDATED = tuple(column.name for column in (*DIMENSIONS, *DETAILS) if column.name not in _STAGE)
# Columns that change as a deal goes on: only a change of what was there before is worth telling.
DATED = ("stage", "engage_date", "close_date", "close_value")

_SINCE = Column("since", "date", "Day of the earlier dump.", nullable=False)
_UNTIL = Column("until", "date", "Day of the later dump.", nullable=False)
_COLUMN = Column(
    "column", "string", "Column of `opportunities`; `opportunity_id` for the whole deal.", nullable=False
)
_MOMENT = Column(
    "moment",
    "string",
    "`before_closing`: the deal is open in both dumps; `at_closing`: it closed in between; `after_closing`: "
    "it is closed in both; `reopened`: it is open again; `vanished`: the later dump lacks it; `returned`: "
    "it is back.",
    nullable=False,
)

FIELD_HISTORY = TableSchema(
    name="field_history",
    description="What changed between two archived dumps: one row per deal and column. The stage, dates and "
    "value with which a deal goes on are no change; if they are changed afterwards, that is one.",
    key=("until", _DEAL, "column"),
    columns=(
        _SINCE,
        _UNTIL,
        OPPORTUNITY_ID,
        _COLUMN,
        Column("before", "string", "Value in the earlier dump."),
        Column("after", "string", "Value in the later dump."),
        _MOMENT,
        Column("stage", "string", "Stage in the later dump; in the earlier one if the deal vanished."),
    ),
)

CHANGE_RATES = TableSchema(
    name="change_rates",
    description="How many deals had a column changed between two archived dumps, by moment and outcome.",
    key=("until", "column", "moment", "outcome", "days_after"),
    columns=(
        _SINCE,
        _UNTIL,
        _COLUMN,
        _MOMENT,
        Column("outcome", "string", "`open`, `Won` or `Lost`, as in the later dump.", nullable=False),
        Column(
            "days_after",
            "int64",
            "Days from closing to the later dump are at most this; empty if more, or if not closed before.",
            "days",
        ),
        Column("deals", "int64", "Deals of that moment and outcome.", "deals", nullable=False),
        Column("changed", "int64", "Those whose value is another one.", "deals", nullable=False),
    ),
)


def compared(earlier: ir.Table, later: ir.Table, until: date) -> ir.Table:
    """Return the deals of two dumps side by side.

    Args:
        earlier: columns of `crm.deals.OPPORTUNITIES`.
        later: the same, of the later dump.
        until: day of the later dump.

    Returns:
        One row per deal of the earlier dump: `opportunity_id`, `moment`, `outcome`, `days_after`, the columns
        of the later dump, those of the earlier one as `<name>_before`, and as `<name>_is_new` whether they
        differ.
    """
    # A column that only one of the dumps has is new to the CRM: that is no change of its deals.
    undated = [name for name in UNDATED if name in earlier.columns and name in later.columns]
    names = (*undated, *DATED)
    was = earlier.select(_DEAL, **{f"{name}_before": earlier[name] for name in names})
    both = was.left_join(later.select(_DEAL, *names), _DEAL, rname="{name}_later")
    gone = ~_there(both[f"{_DEAL}_later"])
    closed = [stage.value for stage in CLOSED_STAGES]
    was_closed, is_closed = both.stage_before.isin(closed), both.stage.isin(closed)
    days = _days(both.close_date, until)
    changed = {name: ~both[name].identical_to(both[f"{name}_before"]) & ~gone for name in names}
    for name in DATED:
        changed[name] = changed[name] & _there(both[f"{name}_before"])
    forward = ~was_closed & (is_closed | (both.stage_before == Stage.PROSPECTING.value)) & ~gone
    changed["stage"] = changed["stage"] & ~forward
    stage = both.stage.fill_null(both.stage_before)
    return both.select(
        _DEAL,
        *names,
        *(f"{name}_before" for name in names),
        **{f"{name}_is_new": new for name, new in changed.items()},
        moment=ibis.cases(
            (gone, VANISHED),
            (was_closed & is_closed, AFTER_CLOSING),
            (was_closed, REOPENED),
            (is_closed, AT_CLOSING),
            else_=BEFORE_CLOSING,
        ),
        outcome=stage.isin(closed).ifelse(stage, OPEN),
        days_after=ibis.cases(
            (gone | ~was_closed | ~is_closed, ibis.null("int64")),
            *((days <= most, ibis.literal(most, "int64")) for most in DAYS_AFTER),
            else_=ibis.null("int64"),
        ),
    )


def _compared_columns(both: ir.Table) -> list[str]:
    return [name for name in (*UNDATED, *DATED) if name in both.columns]


def _there(value: ir.Value) -> ir.BooleanValue:
    return value.notnull()


def _days(since: ir.DateValue, until: date) -> Any:
    return ibis.date(until.year, until.month, until.day).delta(since, unit="day").cast("int64")


def change_rates(both: ir.Table, since: date, until: date) -> pa.Table:
    """Count changes; return the columns of `CHANGE_RATES`.

    Args:
        both: what `compared` returns.
        since: day of the earlier dump.
        until: day of the later dump.
    """
    names = _compared_columns(both)
    counted: Any = both.group_by(["moment", "outcome", "days_after"]).agg(
        deals=both.count(), **{name: both[f"{name}_is_new"].sum() for name in names}
    )
    rows = []
    for group in counted.to_pyarrow().to_pylist():
        told = {_DEAL: group["deals"]} if group["moment"] == VANISHED else {n: group[n] for n in names}
        days = {"since": since, "until": until}
        rows += [group | days | {"column": name, "changed": changed} for name, changed in told.items()]
    rows.sort(key=lambda row: tuple(str(row[name] or "") for name in CHANGE_RATES.key))
    return pa.Table.from_pylist(rows, CHANGE_RATES.arrow)


def changes(both: ir.Table, since: date, until: date) -> pa.Table:
    """Return the columns of `FIELD_HISTORY`, sorted by deal and column.

    Args:
        both: what `compared` returns.
        since: day of the earlier dump.
        until: day of the later dump.
    """
    names = sorted(_compared_columns(both))
    any_new = ibis.or_(both.moment == VANISHED, *(both[f"{name}_is_new"] for name in names))
    texts = {f"{name}_text": both[name].cast("string") for name in names}
    texts |= {f"{name}_text_before": both[f"{name}_before"].cast("string") for name in names}
    stage = both.stage.fill_null(both.stage_before)
    flags = [f"{name}_is_new" for name in names]
    wide = both.filter(any_new).select(_DEAL, "moment", *flags, shown_stage=stage, **texts).to_pyarrow()
    gone = wide.filter(pc.equal(wide["moment"], VANISHED))
    parts = [_part(gone, _DEAL, gone[_DEAL], None, since, until)]
    for name in names:
        new = wide.filter(wide[f"{name}_is_new"])
        parts.append(_part(new, name, new[f"{name}_text_before"], new[f"{name}_text"], since, until))
    return pa.concat_tables(parts).sort_by([(_DEAL, "ascending"), ("column", "ascending")])


def returned(deals: pa.Table, since: date, until: date) -> pa.Table:
    """Return the columns of `FIELD_HISTORY` for deals that an earlier dump lacked and a later one has again.

    Args:
        deals: `opportunity_id` and `stage` of these deals in the later dump.
        since: day of the earlier dump.
        until: day of the later dump.
    """
    rows = pa.table(
        {
            _DEAL: deals[_DEAL],
            "moment": pa.array([RETURNED] * len(deals), pa.string()),
            "shown_stage": deals["stage"],
        }
    )
    return _part(rows, _DEAL, None, deals[_DEAL], since, until)


def _part(rows: pa.Table, column: str, before: Any, after: Any, since: date, until: date) -> pa.Table:
    n = rows.num_rows
    nothing = pa.nulls(n, pa.string())
    columns = {
        "since": pa.array([since] * n, pa.date32()),
        "until": pa.array([until] * n, pa.date32()),
        _DEAL: rows[_DEAL],
        "column": pa.array([column] * n, pa.string()),
        "before": nothing if before is None else before,
        "after": nothing if after is None else after,
        "moment": rows["moment"],
        "stage": rows["shown_stage"],
    }
    return pa.table(columns).cast(FIELD_HISTORY.arrow)


def summary(rates: Any) -> Any:
    """Sum up the columns of `CHANGE_RATES`, as a data frame: changes by column and moment, most first."""
    rows = rates.groupby(["column", "moment"], as_index=False)[["deals", "changed"]].sum()
    rows = rows[rows["changed"] > 0].sort_values(
        ["changed", "column", "moment"], ascending=[False, True, True]
    )
    return rows.assign(share=rows["changed"] / rows["deals"])

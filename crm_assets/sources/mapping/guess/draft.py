"""Write a draft of `crm.yaml`: what was guessed, what stands in the preset, and what is not sure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from crm_assets.crm.schema import SOURCE_ROW
from crm_assets.sources.dates import dates
from crm_assets.sources.mapping.guess.by_values import (
    dates_by_values,
    few_values,
    stage_by_values,
    unused,
)
from crm_assets.sources.mapping.guess.look import Look, guessed_columns, words
from crm_assets.sources.mapping.guess.stages import FEW, write_stages
from crm_assets.sources.mapping.guess.written import Draft, flow, scalar, shown
from crm_assets.sources.mapping.headers import column_in, counted, plain
from crm_assets.sources.mapping.load import DERIVED, NOTHING, TABLES
from crm_assets.sources.mapping.money import codes_of
from crm_assets.sources.mapping.rows import Rows
from crm_assets.sources.numbers import numbers, without_currency

# Editors complete and check a mapping by it.
SCHEMA = Path(__file__).parents[1] / "crm.schema.json"
_RARELY = 0.05


def draft(found: Look, place: str) -> Draft:
    """Write a draft from a look at the files.

    Args:
        found: what the look found.
        place: the folder, for the first comment.
    """
    out = Draft()
    out.say(f"yaml-language-server: $schema={SCHEMA}")
    out.say(f"How this CRM calls things: a draft by `make mapping` from {place}.")
    out.say("Lines that begin with # are what the preset says already: remove the # to change one.")
    out.say("docs/bring-your-own-crm.md explains every part.")
    out.lines.append("")
    for doubt in found.doubts:
        out.doubt(doubt)
    out.put("preset", found.preset, note=found.why)
    _files(out, found)
    deals = found.deals
    columns, stage = _known_columns(found), _known_stage(found)
    taken = {*columns.values(), *([stage] if stage else [])}
    missing = [name for name in TABLES["deals"].names if name not in columns and name not in DERIVED]
    guessed = guessed_columns(deals, taken, _worth_guessing(missing, stage))
    stage = stage or guessed.pop("stage", None)
    stage = stage or stage_by_values(deals, [*columns.values(), *guessed.values()])
    used = [*columns.values(), *guessed.values(), *([stage] if stage else [])]
    unsure = dates_by_values(deals, {**columns, **guessed}, used)
    guessed |= unsure
    _formats(out, deals, {**columns, **guessed})
    write_stages(out, found, stage, {**columns, **guessed}.get("crm_probability"))
    out.lines.append("")
    out.open("deals")
    if found.preset == NOTHING or stage != _known_stage(found):
        if stage:
            out.put("stage", stage, 1, _examples(deals, stage))
        else:
            few = [f"{name}: {counted(deals.columns[name], 3)}" for name in few_values(deals, used)]
            shown_few = f" These have few values: {'; '.join(few)}." if few else ""
            out.doubt(
                f"no column looks like the stage of a deal: name it as `stage: <column>`.{shown_few}", 1
            )
    elif stage:
        out.say(f"stage: {scalar(stage)}  # {_examples(deals, stage)}", 1)
    _columns(out, found, columns, guessed, unsure)
    if found.preset == NOTHING:
        for name in unused(deals, [*used, *unsure.values()]):
            out.say(f"not used: {scalar(name)}  # {_examples(deals, name)}", 2)
    _kinds(out, deals, found)
    _money(out, deals, {**columns, **guessed})
    return out


def _files(out: Draft, found: Look) -> None:
    new = {role: one for role, one in found.by_role.items() if role not in found.named}
    out.lines.append("")
    if new:
        out.open("files")
    else:
        out.say("files:")
    for role, one in found.by_role.items():
        if role in new:
            out.put(role, one.stem, 1)
        else:
            out.say(f"  {role}: {scalar(one.stem)}")
    for one in found.unused:
        out.say(f"  not used: {one.name}")


def _known_columns(found: Look) -> dict[str, str]:
    """Return our columns that the preset finds in the deals, each with the CRM's column."""
    header = found.deals.header
    known = {}
    for ours, value in found.mapping.deals.columns.items():
        there = [column for name in value.columns if (column := column_in(header, name))]
        # A text alone only fills the gaps of a column that is not there.
        written = shown(value, found.deals, found)
        if there and written is not None and not (isinstance(written, dict) and "text" in written):
            known[ours] = there[0]
    return known


def _known_stage(found: Look) -> str | None:
    value = found.mapping.deals.stage
    there = [column_in(found.deals.header, name) for name in (value.columns if value else [])]
    return next((column for column in there if column), None)


def _worth_guessing(missing: list[str], stage: str | None) -> list[str]:
    # The engage date is what few CRMs record: without it, deals count from the day they were created.
    return [*([] if stage else ["stage"]), *(name for name in missing if name != "engage_date")]


def _columns(
    out: Draft,
    found: Look,
    columns: dict[str, str],
    guessed: dict[str, str],
    unsure: Collection[str],
) -> None:
    out.open("columns", 1) if guessed or found.preset == NOTHING else out.say("columns:", 1)
    for ours in TABLES["deals"].names:
        if ours in columns:
            value = flow(shown(found.mapping.deals.columns[ours], found.deals, found))
            out.say(f"  {ours}: {value}  # {_examples(found.deals, columns[ours])}", 1)
        elif ours in guessed:
            if ours in unsure:
                out.doubt(f"{ours} is guessed to be {guessed[ours]}, since that holds dates.", 2)
            for name, value in _lines(ours, guessed, found.deals):
                out.put(name, value, 2, _examples(found.deals, guessed[ours]))
            if found.preset != NOTHING and ours not in unsure:
                out.doubts.append(f"{ours} is guessed to be {guessed[ours]}.")
    there = {**columns, **guessed}
    needed = [] if "opportunity_id" in there else ["opportunity_id"]
    needed += [] if {"created_date", "engage_date"} & set(there) else ["created_date"]
    for ours in needed:
        out.doubt(f"no column looks like {ours}: name it as `{ours}: <column>`.", 2)


def _lines(ours: str, guessed: dict[str, str], rows: Rows) -> Iterator[tuple[str, Any]]:
    """Yield the lines of a guessed column: some are only known of some deals."""
    column = guessed[ours]
    if ours == "close_date":
        yield ours, {"column": column, "when": "closed"}
        # A date that nearly every deal has is the expected one of those that are still open.
        if "expected_close_date" not in guessed and rows.columns[column].null_count < _RARELY * len(rows):
            yield "expected_close_date", {"column": column, "when": "open"}
    elif ours == "crm_probability" and (pc.max(numbers(rows.columns[column]).values).as_py() or 0) > 1:
        yield ours, {"column": column, "divided_by": 100.0}
    elif ours == "amount" and "close_value" not in guessed:
        yield ours, column
        yield "close_value", {"column": column, "when": "won"}
    else:
        yield ours, column


def _formats(out: Draft, deals: Rows, columns: dict[str, str]) -> None:
    types = {column.name: column.dtype for column in TABLES["deals"].columns if column != SOURCE_ROW}
    undecided: dict[str, str] = {}
    for ours, column in columns.items():
        kind = {"date": "dates", "float64": "numbers", "int64": "numbers"}.get(types.get(ours, ""))
        if kind is None or column not in deals.columns:
            continue
        read = dates(deals.columns[column]) if kind == "dates" else numbers(deals.columns[column])
        if read.refused:
            undecided.setdefault(kind, f"{column} {read.refused}")
    if not undecided:
        return
    out.lines.append("")
    out.open("formats")
    if "dates" in undecided:
        forms = _date_forms(deals, columns, types)
        out.doubt(f"{undecided['dates']}. Choose {' or '.join(forms)}.", 1)
        out.put("dates", forms[0], 1)
    if "numbers" in undecided:
        out.doubt(f"{undecided['numbers']}. Choose 1,234.5 or 1.234,5.", 1)
        out.put("numbers", "1,234.5", 1)


def _date_forms(deals: Rows, columns: dict[str, str], types: Mapping[str, str]) -> list[str]:
    """Return the two ways in which the undecided dates may be written."""
    for ours, column in columns.items():
        if types.get(ours) != "date" or not dates(deals.columns[column]).refused:
            continue
        for sign in "/.-":
            for year in ("YYYY", "YY"):
                forms = [f"M{sign}D{sign}{year}", f"D{sign}M{sign}{year}"]
                values = deals.columns[column]
                if any(dates(values, declared=form).values.null_count < len(values) for form in forms):
                    return forms
    return ["M/D/YYYY", "D/M/YYYY"]


def _kinds(out: Draft, deals: Rows, found: Look) -> None:
    """Show the columns by which people may want to leave deals out."""
    for asked in words()["kinds"]:
        column = next((name for name in deals.header if name and plain(name) == plain(asked)), None)
        values = deals.columns.get(column) if column else None
        if values is None or not 1 < pc.count_distinct(values).as_py() <= FEW:
            continue
        first = pc.unique(values.filter(pc.is_valid(values))).to_pylist()[0]
        out.say(
            f"{column}: {counted(values)}. To keep one kind only: "
            f"keep: {{{scalar(str(column))}: {scalar(first)}}}",
            1,
        )
    for asked in words()["deleted"]:
        column = next((name for name in deals.header if name and plain(name) == plain(asked)), None)
        if column and found.preset == NOTHING:
            out.put("leave_out", {column: "true"}, 1)
            break


def _money(out: Draft, deals: Rows, columns: dict[str, str]) -> None:
    """Name the currency that stands beside the amounts, or ask for the rates if there are several."""
    column = columns.get("currency")
    values = deals.columns.get(column) if column else None
    if values is None:
        amounts = deals.columns.get(columns.get("amount", ""))
        values = without_currency(amounts)[1] if amounts is not None else None
        if values is None:
            return
    codes = _codes(codes_of(values))
    if len(codes) == 1 and column is None:
        out.lines.append("")
        out.open("money")
        out.put("currency", codes[0], 1, f"amounts have the sign {pc.unique(values.drop_null())[0]}")
    if len(codes) < 2:
        return
    out.lines.append("")
    out.open("money")
    out.doubt(f"amounts are in {counted(values)}: what is one unit of each worth in {codes[0]}?", 1)
    out.put("currency", codes[0], 1)
    out.say(f"rates: {{{', '.join(f'{scalar(code)}: 1.1' for code in codes[1:])}}}", 1)


def _codes(values: pa.Array) -> list[str]:
    counts = [one for one in pc.value_counts(values).to_pylist() if one["values"]]
    return [one["values"] for one in sorted(counts, key=lambda one: (-one["counts"], one["values"]))]


def _examples(rows: Rows, column: str) -> str:
    """Return the first values of a column, for a comment."""
    values = rows.columns.get(column)
    if values is None:
        return ""
    first = pc.unique(values.filter(pc.is_valid(values)).slice(0, 1_000)).to_pylist()[:3]
    shown = ", ".join(" ".join(text.split())[:30] for text in first)
    return f"for example {shown}" if first else "empty in every row"

"""Ways to tell won and lost deals by columns other than the stage, and what looks odd about them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crm_assets.crm.schema import Stage
from crm_assets.errors import BadInputError
from crm_assets.sources.mapping.headers import among, counted, same, truths
from crm_assets.sources.mapping.load import LoadedMapping
from crm_assets.sources.mapping.rows import Rows, both
from crm_assets.sources.mapping.schema import Condition, Way


def holds(
    condition: Condition, column: Callable[[str], pa.Array | None]
) -> tuple[pa.Array | None, pa.Array | None]:
    """Return which rows meet a condition, and which have values in all its columns; None without a column."""
    columns = [column(name) for name in condition]
    if not columns or any(one is None for one in columns):
        return None, None
    marks = [among(one, wanted) for one, wanted in zip(columns, condition.values(), strict=True)]
    return both(marks), both([pc.is_valid(one) for one in columns])


def _asked(way: Way) -> dict[str, list[str]]:
    """Return the columns of a way, each with all values that it asks for."""
    found: dict[str, list[str]] = {}
    for condition in (way.won, way.lost):
        for name, wanted in condition.items():
            found.setdefault(name, []).extend(wanted)
    return found


def check_truth(loaded: LoadedMapping, way: Way, rows: Rows) -> None:
    """Refuse a column of truth values with texts that are neither true nor false: it would decide nothing.

    Raises:
        BadInputError: names the texts.
    """
    for name, wanted in _asked(way).items():
        column = rows.column(name)
        if column is None or not all(same(text) in ("true", "false") for text in wanted):
            continue
        odd = column.filter(pc.and_(pc.is_valid(column), pc.invert(truths(column))))
        if len(odd):
            example = odd[0].as_py()
            raise BadInputError(
                f"{rows.name}, column {name}: {counted(odd)} is neither true nor false. Say in "
                f"{loaded.remedy_file} which values mean what, for example `outcome: [{{won: {{{name}: "
                f"'{example}'}}, lost: {{...}}}}]`."
            )


def other_words(way: Way, rows: Rows, still_open: np.ndarray) -> Iterator[str]:
    """Yield a note if several texts of a status, none of which the way knows, count as open."""
    for name, wanted in _asked(way).items():
        column = rows.column(name)
        if column is None or not any(map(_is_word, wanted)):
            continue
        values = column.filter(pa.array(still_open))
        if pc.count_distinct(values).as_py() > 1:
            yield (
                f"{rows.name}, column {name}: deals with {counted(values)} count as open, since only "
                f"{', '.join(wanted)} close a deal. Name further values of won and lost deals under outcome, "
                f"or leave deals out by `deals: {{leave_out: {{{name}: ...}}}}`."
            )


def _is_word(text: str) -> bool:
    """Return whether a value is neither a number nor a truth value."""
    return not any(sign.isdigit() for sign in text) and same(text) not in ("true", "false")


def contradictions(ours: np.ndarray, meaning: np.ndarray, name: pa.Array | None, rows: Rows) -> Iterator[str]:
    """Yield a note on deals in a closed stage that the columns of the outcome contradict."""
    differ = (ours != "") & (ours != meaning) & np.isin(meaning, [Stage.WON, Stage.LOST])
    if name is not None and differ.any():
        yield (
            f"{rows.name}: {int(differ.sum()):,} deals are in a stage that means something else than the "
            f"columns of the outcome say: {counted(name.filter(pa.array(differ)), 3)}. The columns count; "
            "correct the deals in the CRM, or write `outcome: []` to go by the stage."
        )

"""How many rows quarantine may take before a run must stop."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow.compute as pc

from crm_assets.crm.schema import RAW_SALES_PIPELINE, RawTable, Stage
from crm_assets.sources.csv_file import FileText
from crm_assets.sources.faults import Fault
from crm_assets.sources.quarantine import AS_THE_HEADER

# Among few deals of a stage, or few values, a single bad one is a large share: then half must be bad.
FEW = 10
STAGE = "deal_stage"
REMEDY = "Correct the file and export it again, or raise CRM_MAX_BAD_SHARE."


def too_many(
    file: FileText, table: RawTable, found: list[Fault], unknown: list[Fault], most: float
) -> Iterator[str]:
    """Yield a sentence for each way in which too many rows of a table cannot be used.

    Args:
        file: the rows of the file.
        table: the raw table.
        found: the faults of the rows that cannot be used.
        unknown: the unreadable values of rows that can be used without them.
        most: the largest share of rows that may be bad.
    """
    rows = file.text.num_rows + len(file.ragged)
    bad = np.zeros(file.text.num_rows, dtype=bool)
    for fault in found:
        bad[fault.positions] = True
    count = int(bad.sum()) + len(file.ragged)
    rules = "; ".join(_rules(file, [*found, *unknown]))
    if rows and count == rows:
        yield f"{file.name}: every row is bad, so no row is left. {rules}. Correct the file."
    elif count > most * rows:
        bad_rows = f"{_share(count, rows)} rows cannot be used"
        yield f"{file.name}: {bad_rows}, more than {_allowed(most)}. {rules}. {REMEDY}"
    elif dense := [fault for fault in unknown if _many(len(fault.positions), rows, most)]:
        names = ", ".join(fault.column for fault in dense)
        unread = "more values cannot be read than"
        yield f"{file.name}, column {names}: {unread} {_allowed(most)}. {rules}. {REMEDY}"
    elif table == RAW_SALES_PIPELINE and STAGE in file.text.column_names:
        yield from _by_outcome(file, bad, rules, most)


def _by_outcome(file: FileText, bad: np.ndarray, rules: str, most: float) -> Iterator[str]:
    """Yield a sentence for each stage that would lose many deals: models would learn from the others."""
    stages = file.text[STAGE]
    for stage in Stage:
        there = pc.fill_null(pc.equal(stages, stage.value), False).to_numpy()
        deals, lost = int(there.sum()), int((there & bad).sum())
        if _many(lost, deals, most):
            yield (
                f"{file.name}: {_share(lost, deals)} {stage} deals cannot be used, more than "
                f"{_allowed(most)}: the models would learn from the other stages alone. {rules}. {REMEDY}"
            )


def _many(bad: int, of: int, most: float) -> bool:
    return bad > most * of and (bad >= FEW or 2 * bad >= of)


def _rules(file: FileText, found: list[Fault]) -> Iterator[str]:
    """Yield each broken rule with its number of rows, the most frequent first."""
    if file.ragged:
        rows = ", ".join(str(row.number) for row in file.ragged[:5])
        yield f"{AS_THE_HEADER}: {_rows(len(file.ragged))}, for example row {rows}"
    for fault in sorted(found, key=lambda fault: -len(fault.positions)):
        said = fault.sentence(file.name, file.text).removeprefix(f"{file.name}, ").removesuffix(".")
        yield f"{fault.rule}: {_rows(len(fault.positions))}, {said}"


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _share(count: int, rows: int) -> str:
    return f"{count:,} of {rows:,} ({count / rows:.1%})"


def _allowed(most: float) -> str:
    return f"CRM_MAX_BAD_SHARE={most:g} allows"

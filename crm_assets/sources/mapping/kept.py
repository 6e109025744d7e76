"""Which deals to keep: the lines `leave_out` and `keep` of a mapping."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pyarrow as pa

from crm_assets.errors import BadInputError
from crm_assets.sources.mapping.headers import among, counted
from crm_assets.sources.mapping.load import LoadedMapping
from crm_assets.sources.mapping.rows import Rows, shown_header

_REMEDY = "Correct the line, or remove it."


def kept_deals(
    loaded: LoadedMapping,
    rows: Rows,
    column_of: Callable[[str], pa.Array | None],
    ours: Iterable[str],
) -> tuple[pa.Array, list[str]]:
    """Return which deals to keep, and how many each line of the mapping leaves out.

    Args:
        loaded: the mapping.
        rows: the deals in the CRM's own columns.
        column_of: returns a column of the deals by name, ours or the CRM's; None if there is none.
        ours: the names of our columns, for messages.

    Raises:
        BadInputError: a line that the user wrote names no column, fits no deal, or leaves out all deals.
    """
    kept, notes = np.ones(len(rows), dtype=bool), []
    deals = loaded.mapping.deals
    lines = [("leave_out", name, wanted) for name, wanted in deals.leave_out.items()]
    lines += [("keep", name, wanted) for name, wanted in deals.keep.items()]
    for section, name, wanted in lines:
        where = f"{loaded.name}, deals: {section}: {name}"
        written = loaded.wrote("deals", section, name)
        column = column_of(name)
        if column is None:
            if written:
                raise BadInputError(
                    f"{where}: {rows.name} has no such column. It has {shown_header(rows.header)}; ours are "
                    f"{', '.join(ours)}."
                )
            continue
        found = among(column, wanted).to_numpy(zero_copy_only=False)
        out = found if section == "leave_out" else ~found
        if written and not found.any():
            raise BadInputError(
                f"{where}: no deal has {', '.join(wanted)}. There are {counted(column)}. {_REMEDY}"
            )
        if not (kept & ~out).any():
            if written:
                raise BadInputError(
                    f"{where}: leaves out every deal that is left. There are {counted(column)}. {_REMEDY}"
                )
            notes.append(
                f"{rows.name}: {name} is {', '.join(wanted)} in every row, so the preset's line would "
                "leave out every deal; it is not applied."
            )
            continue
        if count := int((kept & out).sum()):
            how = "is" if section == "leave_out" else "is not"
            notes.append(f"{rows.name}: {count:,} deals are left out: {name} {how} {' or '.join(wanted)}.")
        kept &= ~out
    return pa.array(kept), notes

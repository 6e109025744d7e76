"""Rows that repeat another row of their table."""

from __future__ import annotations

import pyarrow as pa

from crm_assets.crm.contract import Unique
from crm_assets.crm.schema import SOURCE_ROW
from crm_assets.sources.faults import Fault

REPEATED = "row_not_repeated"


def apart(broken: list[Fault], text: pa.Table, rule: Unique) -> tuple[list[Fault], list[Fault]]:
    """Tell rows that only repeat another row from rows that contradict one.

    Of rows that share their key and all other values, the first can be used, and the others say nothing new.

    Args:
        broken: the broken rules of a table.
        text: the table's rows as text.
        rule: the rule of the table's key.

    Returns:
        The faults without rows whose key is repeated but not contradicted, and the fault of the repeats.
    """
    shared = next((fault for fault in broken if fault.rule == rule.name), None)
    if shared is None:
        return broken, []
    rows = text.take(pa.array(shared.positions)).drop_columns([SOURCE_ROW.name]).to_pandas()
    again = rows.duplicated(keep="first")
    versions = (~again).groupby([rows[name] for name in rule.columns]).transform("sum")
    same = (versions == 1).to_numpy()
    left = shared.at(shared.positions[~same])
    repeated = Fault(
        REPEATED,
        rule.blames,
        "repeats an earlier row",
        "leave it: the first row counts",
        shared.positions[same & again.to_numpy()],
    )
    found = [left if fault is shared else fault for fault in broken]
    return [fault for fault in found if len(fault.positions)], [repeated] if len(repeated.positions) else []

"""Dumps of a synthetic CRM at several days: what a monthly export would have shown, and columns rewritten."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crm_assets.console.replay.past import dump_as_of
from crm_assets.crm.schema import RAW_SALES_PIPELINE, RAW_TABLES, Stage
from crm_assets.crm.tables import QUARANTINED_ROWS
from crm_assets.sources.sample import SyntheticSample

Tables = dict[str, pa.Table]
PIPELINE = RAW_SALES_PIPELINE.name


def dump_of(sample: SyntheticSample) -> Tables:
    """Return all tables that the archive keeps of a sample."""
    made = {table.name: sample.read(table) for table in RAW_TABLES}
    return made | {QUARANTINED_ROWS.name: QUARANTINED_ROWS.arrow.empty_table()}


def as_of(dump: Mapping[str, pa.Table], month: str) -> Tables:
    """Return a dump as it stood at the end of a month."""
    return dump_as_of(dump, month) | {QUARANTINED_ROWS.name: dump[QUARANTINED_ROWS.name]}


def rewritten(dump: Tables, column: str, change: Callable[[pa.Table, np.ndarray], np.ndarray]) -> Tables:
    """Return a dump with a column of its deals rewritten.

    Args:
        dump: the tables.
        column: of `raw_sales_pipeline`.
        change: takes the deals and the column's values, and returns the new values.
    """
    deals = dump[PIPELINE]
    values = change(deals, deals[column].to_numpy(zero_copy_only=False).copy())
    place = deals.column_names.index(column)
    return dump | {
        PIPELINE: deals.set_column(place, deals.schema.field(column), pa.array(values, pa.string()))
    }


def account_missing_while_open(deals: pa.Table, values: np.ndarray, share: float = 0.6) -> np.ndarray:
    """Hide the account of some deals until they close."""
    values[is_open(deals) & (lots(deals, 1) < share)] = None
    return values


def agent_changed_at_random(deals: pa.Table, values: np.ndarray, seed: int, share: float = 0.1) -> np.ndarray:
    """Give some deals, open or closed, to another agent of the CRM."""
    names = np.unique(values)
    moved = lots(deals, seed) < share
    values[moved] = names[(lots(deals, seed + 1)[moved] * len(names)).astype("int64")]
    return values


def is_open(deals: pa.Table) -> np.ndarray:
    """Return which deals are open."""
    closed = pc.is_in(deals["deal_stage"], pa.array([Stage.WON.value, Stage.LOST.value]))
    return ~closed.to_numpy(zero_copy_only=False)


def lots(deals: pa.Table, seed: int) -> np.ndarray:
    """Draw a number from 0 to 1 for each deal, the same in every dump."""
    names = deals["opportunity_id"].to_pylist()
    return np.array([np.random.default_rng([seed, *name.encode()]).random() for name in names])

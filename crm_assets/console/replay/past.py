"""What a CRM would have exported at the end of a month, from a dump of later."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from crm_assets.crm.months import month_end
from crm_assets.crm.schema import RAW_SALES_PIPELINE, RAW_TABLES, SOURCE_ROW, Stage
from crm_assets.sources.base import Source

CLOSING = ("close_date", "close_value")


def export_as_of(source: Source, folder: Path, month: str) -> None:
    """Write the four CSV files as they stood at the end of `month`.

    Args:
        source: the dump of later.
        folder: where the files are written; made when needed.
        month: `YYYY-MM`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for table in RAW_TABLES:
        rows = source.read(table)
        if table is RAW_SALES_PIPELINE:
            rows = deals_as_of(rows, month)
        csv.write_csv(rows.drop_columns([SOURCE_ROW.name]), folder / table.file_name)


def deals_as_of(deals: pa.Table, month: str) -> pa.Table:
    """The deals engaged by the end of `month`; those that close later are open.

    Prospecting deals are left out: the dump does not say when they came. An account is missing where
    it is missing in the dump, which does not say either when one was recorded.

    Args:
        deals: columns of `crm.schema.RAW_SALES_PIPELINE`.
        month: `YYYY-MM`.
    """
    end = pa.scalar(month_end(month), pa.date32())
    known = deals.filter(pc.less_equal(deals["engage_date"], end))
    later = pc.fill_null(pc.greater(known["close_date"], end), fill_value=False)
    columns = {name: known[name] for name in known.column_names}
    columns["deal_stage"] = pc.if_else(later, Stage.ENGAGING.value, known["deal_stage"])
    for name in CLOSING:
        columns[name] = pc.if_else(later, pa.scalar(None, known[name].type), known[name])
    return pa.table(columns, schema=known.schema)

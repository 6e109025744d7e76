"""Tables of deals as data frames that take little memory."""

from __future__ import annotations

import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa

from crm_assets.modeling.training_rows import DEAL, MONTH

# The rows that are in memory as plain texts at once.
BATCH = 100_000


def compact(table: pa.Table) -> pd.DataFrame:
    """Return a table by month and deal as a data frame without Python objects for its texts.

    Months become categories; identifiers and lists stay in Arrow.
    """
    place = table.schema.get_field_index(MONTH)
    table = table.set_column(place, MONTH, table[MONTH].dictionary_encode().unify_dictionaries())
    kept = {table.schema.field(DEAL).type} if DEAL in table.column_names else set()
    kept |= {field.type for field in table.schema if pa.types.is_list(field.type)}
    in_arrow = {kind: pd.ArrowDtype(kind) for kind in kept}
    return table.to_pandas(ignore_metadata=True, types_mapper=in_arrow.get)


def coded(table: pa.Table) -> pd.DataFrame:
    """Return a table as a data frame with its texts as categories and its dates as numbers inside."""
    return _encoded(table, but=()).unify_dictionaries().to_pandas(date_as_object=False)


def read_coded(deals: ir.Table) -> pd.DataFrame:
    """Run an expression of deals; return its texts as categories and its identifiers in Arrow.

    It encodes batch by batch, so that the texts of all deals are never in memory at once.
    """
    batches = [
        _encoded(pa.Table.from_batches([batch])) for batch in deals.to_pyarrow_batches(chunk_size=BATCH)
    ]
    table = pa.concat_tables(batches or [_encoded(deals.schema().to_pyarrow().empty_table())])
    in_arrow = {pa.string(): pd.ArrowDtype(pa.string())}
    return table.unify_dictionaries().to_pandas(date_as_object=False, types_mapper=in_arrow.get)


def _encoded(table: pa.Table, but: tuple[str, ...] = (DEAL,)) -> pa.Table:
    for place, field in enumerate(table.schema):
        if pa.types.is_string(field.type) and field.name not in but:
            table = table.set_column(place, field.name, table[field.name].dictionary_encode())
    return table

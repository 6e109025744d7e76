"""Tables of deals as data frames that take little memory."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

from crm_assets.modeling.training_rows import DEAL, MONTH


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
    for place, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            table = table.set_column(place, field.name, table[field.name].dictionary_encode())
    return table.unify_dictionaries().to_pandas(date_as_object=False)

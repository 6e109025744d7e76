"""Data frames that are made when they are asked for, so that memory holds one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import pandas as pd
import pyarrow as pa

from crm_assets.modeling.training_rows import DEAL, MONTH


class Frames(Mapping[str, pd.DataFrame]):
    """Data frames by name, each made anew every time that it is asked for.

    Attributes:
        names: which there are, in order.
        make: gives the data frame of a name.
    """

    def __init__(self, names: Iterable[str], make: Callable[[str], pd.DataFrame]) -> None:
        self.names, self.make = list(names), make

    def __getitem__(self, name: str) -> pd.DataFrame:
        """The data frame of a name."""
        if name not in self.names:
            raise KeyError(name)
        return self.make(name)

    def __iter__(self) -> Iterator[str]:
        """The names."""
        return iter(self.names)

    def __len__(self) -> int:
        """How many there are."""
        return len(self.names)


def compact(table: pa.Table) -> pd.DataFrame:
    """Return a table by month and deal as a data frame without a Python object for each text.

    Months become categories; identifiers, and lists, stay in Arrow.
    """
    place = table.schema.get_field_index(MONTH)
    table = table.set_column(place, MONTH, table[MONTH].dictionary_encode().unify_dictionaries())
    kept = {table.schema.field(DEAL).type} if DEAL in table.column_names else set()
    kept |= {field.type for field in table.schema if pa.types.is_list(field.type)}
    in_arrow = {kind: pd.ArrowDtype(kind) for kind in kept}
    return table.to_pandas(ignore_metadata=True, types_mapper=in_arrow.get)

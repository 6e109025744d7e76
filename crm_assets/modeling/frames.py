"""Data frames that are built on demand, so that memory holds one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import pandas as pd
import pyarrow as pa

from crm_assets.modeling.training_rows import DEAL, MONTH


class Frames(Mapping[str, pd.DataFrame]):
    """Data frames by name, built anew at every access.

    Attributes:
        names: the names, in order.
        make: builds the data frame with a name.
    """

    def __init__(self, names: Iterable[str], make: Callable[[str], pd.DataFrame]) -> None:
        self.names, self.make = list(names), make

    def __getitem__(self, name: str) -> pd.DataFrame:
        """Return the data frame with this name."""
        if name not in self.names:
            raise KeyError(name)
        return self.make(name)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self.names)

    def __len__(self) -> int:
        """Return the number of names."""
        return len(self.names)


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

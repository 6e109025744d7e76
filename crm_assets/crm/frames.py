"""Data frames that are built on demand, so that memory holds one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import pandas as pd


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

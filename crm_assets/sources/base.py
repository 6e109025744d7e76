"""What every source of raw CRM tables offers."""

from __future__ import annotations

from typing import Protocol

import pyarrow as pa

from crm_assets.crm.months import MonthRange
from crm_assets.crm.schema import RawTable
from crm_assets.sources.quarantine import Sifted


class Source(Protocol):
    """One place that raw CRM tables come from."""

    @property
    def name(self) -> str:
        """`kaggle`, `csv` or `sample`."""
        ...

    @property
    def description(self) -> str:
        """One line for people: which data, from where, and whether it is synthetic."""
        ...

    @property
    def identity(self) -> str:
        """A short name for the data; next month's dump of the same CRM has the same one.

        The project never mixes tables and models of different identities.
        """
        ...

    @property
    def known_months(self) -> MonthRange | None:
        """The months that `month_range` would find, if they are known without opening any data."""
        ...

    @property
    def synthetic(self) -> bool:
        """Whether the data is made up; shown wherever its results show."""
        ...

    @property
    def quarantines(self) -> bool:
        """Whether rows that break a rule are quarantined; otherwise such a row stops the run."""
        ...

    def take(self, *tables: RawTable) -> dict[str, Sifted]:
        """Read some raw tables, each file once; quarantine rows that break a rule if the source does so.

        Returns:
            The tables by name, typed, with rows in file order. An optional table that the source
            does not have is empty.

        Raises:
            BadInputError: a file is not a readable table, no row of it is left, or a row
                breaks a rule and the source does not quarantine.
            SourceUnavailableError: the data cannot be reached or opened.
        """
        ...

    def read(self, table: RawTable) -> pa.Table:
        """Return the rows of one raw table, as `take` gives them."""
        ...

    def month_range(self) -> MonthRange:
        """Find the first month with a dated event and the data horizon, without a full read.

        Raises:
            BadInputError, SourceUnavailableError: as for `take`.
        """
        ...

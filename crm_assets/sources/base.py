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
        """Which data this is, in a short word: the same for next month's dump of the same CRM.

        Tables and models of one identity are never mixed with those of another.
        """
        ...

    @property
    def known_months(self) -> MonthRange | None:
        """The months that `month_range` would find, where they are known without opening any data."""
        ...

    @property
    def synthetic(self) -> bool:
        """Whether the data is made up; shown wherever its results show."""
        ...

    @property
    def quarantines(self) -> bool:
        """Whether rows that break a rule are set aside; where they are not, they stop the run."""
        ...

    def take(self, *tables: RawTable) -> dict[str, Sifted]:
        """Read some raw tables, each file once; what breaks a rule is set aside if the source quarantines.

        Returns:
            The tables by name: the columns of each with its types, rows in file order. An optional
            table that the source does not have is empty.

        Raises:
            BadInputError: a file cannot be read as a table, nothing is left of it, or a row
                breaks a rule and the source does not quarantine.
            SourceUnavailableError: the data cannot be reached or opened.
        """
        ...

    def read(self, table: RawTable) -> pa.Table:
        """Read the rows of one raw table that `take` gives."""
        ...

    def month_range(self) -> MonthRange:
        """First month with a dated event and the data horizon, found without a full read.

        Raises:
            BadInputError, SourceUnavailableError: as for `take`.
        """
        ...

"""The months as Dagster partitions, with a clear error for a month that does not exist."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
import dagster as dg

from crm_assets.errors import CrmAssetsError

if TYPE_CHECKING:
    from dagster._core.definitions.partitions.context import PartitionLoadingContext


class NoSuchMonthError(CrmAssetsError, click.ClickException):
    """A month that the graph does not cover. Dagster's command line prints it as one line."""


class Months(dg.MonthlyPartitionsDefinition):
    """Monthly partitions whose errors say which months exist."""

    def validate_partition_key(self, partition_key: str, context: PartitionLoadingContext) -> None:
        """Raise a `NoSuchMonthError` if the month does not exist."""
        if not self.has_partition_key(partition_key):
            raise self.missing(partition_key)

    def get_partition_keys_in_range(self, partition_key_range: dg.PartitionKeyRange) -> Sequence[str]:
        """Return the months of a range.

        Raises:
            NoSuchMonthError: the first or last month does not exist, or they are in the wrong order.
        """
        first, last = partition_key_range.start, partition_key_range.end
        for month in (first, last):
            if not self.has_partition_key(month):
                raise self.missing(month)
        if first > last:
            raise NoSuchMonthError(f"There is no month from {first} to {last}: name the earlier one first.")
        return super().get_partition_keys_in_range(partition_key_range)

    def missing(self, month: str) -> NoSuchMonthError:
        """Return the error for a month that does not exist."""
        known = self.get_partition_keys()
        if not known:
            return NoSuchMonthError(
                f"There is no month {month!r}: the months of the data are not known yet. Run `make run`, or "
                "materialize the raw tables and reload the code location."
            )
        return NoSuchMonthError(
            f"There is no month {month!r}; there are {known[0]} to {known[-1]}, written YYYY-MM. If the data "
            "is newer, materialize the raw tables, then reload the code location. CRM_FIRST_MONTH and "
            "CRM_LAST_MONTH limit the months."
        )

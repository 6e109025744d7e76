"""The months as Dagster's partitions: a month that does not exist is told in a sentence."""

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
    """Monthly partitions whose complaints say which months there are."""

    def validate_partition_key(self, partition_key: str, context: PartitionLoadingContext) -> None:
        """Raise a `NoSuchMonthError` where there is no such month."""
        if not self.has_partition_key(partition_key):
            raise self.missing(partition_key)

    def get_partition_keys_in_range(self, partition_key_range: dg.PartitionKeyRange) -> Sequence[str]:
        """The months of a range.

        Raises:
            NoSuchMonthError: its first or last month does not exist, or they are in the wrong order.
        """
        first, last = partition_key_range.start, partition_key_range.end
        for month in (first, last):
            if not self.has_partition_key(month):
                raise self.missing(month)
        if first > last:
            raise NoSuchMonthError(f"There is no month from {first} to {last}: name the earlier one first.")
        return super().get_partition_keys_in_range(partition_key_range)

    def missing(self, month: str) -> NoSuchMonthError:
        """The sentence for a month that does not exist."""
        known = self.get_partition_keys()
        if not known:
            return NoSuchMonthError(
                f"There is no month {month!r}: the months of the data are not known yet; run `make run`, or "
                "materialize the raw tables and reload the code location."
            )
        return NoSuchMonthError(
            f"There is no month {month!r}; there are {known[0]} to {known[-1]}, written YYYY-MM. Newer data: "
            "materialize the raw tables, then reload the code location. CRM_FIRST_MONTH and CRM_LAST_MONTH "
            "limit the months."
        )

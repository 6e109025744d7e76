"""Targets: what is predicted, over how many months, and when its labels are known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from crm_assets.crm.months import shift
from crm_assets.crm.schema import Column


@dataclass(frozen=True)
class Target:
    """One thing to predict for every open deal.

    Attributes:
        name: also the name of the column that holds its label.
        months: the deal must be won within this many months after the snapshot.
    """

    name: str
    months: int

    @property
    def column(self) -> Column:
        """The label's column in `win_features`."""
        inside = (
            "the month after the snapshot" if self.months == 1 else f"{self.months} months of the snapshot"
        )
        over = "that month is over" if self.months == 1 else "these months are over"
        not_over = "it is not over yet" if self.months == 1 else "they are not over yet"
        text = f"1 if the deal is won within {inside}, 0 if {over} and it was not, null if {not_over}."
        return Column(self.name, "int64", text)

    def last_month(self, month: str) -> str:
        """Return the last month that decides the label of `month`; the label is known when it is over.

        >>> Target("won_in_3_months", 3).last_month("2017-11")
        '2018-02'
        """
        return shift(month, self.months)

    def last_labeled(self, horizon: str) -> str:
        """Return the last month whose labels are known at the end of `horizon`.

        >>> Target("won_next_month", 1).last_labeled("2017-12")
        '2017-11'
        """
        return shift(horizon, -self.months)

    def labeled(self, months: Iterable[str], horizon: str) -> list[str]:
        """Return the months whose labels are known at the end of `horizon`, in order.

        This is the only place that decides which labels are known.

        >>> Target("won_in_3_months", 3).labeled(["2017-01", "2017-02", "2017-03"], "2017-05")
        ['2017-01', '2017-02']
        """
        last = self.last_labeled(horizon)
        return sorted(month for month in months if month <= last)


# From short to long. The first is the default.
TARGETS: tuple[Target, ...] = (
    Target("won_next_month", 1),
    Target("won_in_2_months", 2),
    Target("won_in_3_months", 3),
)
DEFAULT_TARGET = TARGETS[0]


def target(name: str) -> Target:
    """Return the row of the table with this name.

    Raises:
        KeyError: there is no such target.
    """
    for row in TARGETS:
        if row.name == name:
            return row
    raise KeyError(name)

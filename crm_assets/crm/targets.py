"""Targets: what is predicted, over how many months, and when its labels are known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from crm_assets.crm.months import shift
from crm_assets.crm.schema import Column


@dataclass(frozen=True)
class Target:
    """One thing to predict of every open deal.

    Attributes:
        name: also that of its label's column.
        months: how many months after the snapshot the deal has to be won in.
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
        text = (
            f"1 where the deal is won inside {inside}, 0 where {over} and it was not, null where {not_over}."
        )
        return Column(self.name, "int64", text)

    def last_month(self, month: str) -> str:
        """Return the last month that the label of `month` looks at; when it is over, the label is known.

        >>> Target("won_in_3_months", 3).last_month("2017-11")
        '2018-02'
        """
        return shift(month, self.months)

    def last_labeled(self, horizon: str) -> str:
        """Return the last month whose labels are known when `horizon` is over.

        >>> Target("won_next_month", 1).last_labeled("2017-12")
        '2017-11'
        """
        return shift(horizon, -self.months)

    def labeled(self, months: Iterable[str], horizon: str) -> list[str]:
        """Return those of some months whose labels are known when `horizon` is over, in order.

        The one place that says which labels are known: folds, calibration, baselines and sensors ask here.

        >>> Target("won_in_3_months", 3).labeled(["2017-01", "2017-02", "2017-03"], "2017-05")
        ['2017-01', '2017-02']
        """
        last = self.last_labeled(horizon)
        return sorted(month for month in months if month <= last)


TARGETS: tuple[Target, ...] = (Target("won_next_month", 1),)
DEFAULT_TARGET = TARGETS[0]


def target(name: str) -> Target:
    """Return the row of the table with this name.

    Raises:
        KeyError: there is none.
    """
    for row in TARGETS:
        if row.name == name:
            return row
    raise KeyError(name)

"""The deals of a snapshot as arrays, and what the same deals looked like at the end of earlier months."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from crm_assets.crm.months import MonthRange, month_end, shift
from crm_assets.crm.schema import CLOSED_STAGES, Stage
from crm_assets.modeling.hazard.observed import day_numbers, last_day
from crm_assets.modeling.training_rows import DEAL, MONTH

LEVELS = ("sales_agent", "manager", "regional_office", "product")
COLUMNS = (MONTH, DEAL, "stage", "engage_date", "close_date", "close_value", "list_price", "product_series")
COLUMNS += LEVELS
CLOSED = [stage.value for stage in CLOSED_STAGES]
OPEN = np.iinfo("int64").max


def needed(snapshot: ir.Table) -> ir.Table:
    """Return the columns of `monthly_snapshots` that a history is made of, as far as the CRM has them."""
    return snapshot.select([name for name in COLUMNS if name in snapshot.columns])


@dataclass(frozen=True)
class History:
    """The engaged and the closed deals of a snapshot, n of them.

    Attributes:
        month: the snapshot's month.
        deals: their rows, those columns of `COLUMNS` that the CRM has.
    """

    month: str
    deals: pd.DataFrame

    @classmethod
    def of(cls, snapshot: pd.DataFrame, month: str) -> History:
        """Take the deals of a snapshot that are not prospects, in the order of their identifiers."""
        there = snapshot["engage_date"].notna() | snapshot["close_date"].notna()
        return cls(month, snapshot[there.to_numpy()].sort_values(DEAL, ignore_index=True))

    @cached_property
    def levels(self) -> list[str]:
        """The levels that the CRM has."""
        return [level for level in LEVELS if level in self.deals.columns]

    @cached_property
    def engaged(self) -> np.ndarray:
        """Engage days since 1970-01-01; a closed deal without one counts as engaged when it was closed."""
        dates = self.deals["engage_date"]
        return day_numbers(dates.where(dates.notna(), self.deals["close_date"]))

    @cached_property
    def closed(self) -> np.ndarray:
        """Days on which the deals were closed; `OPEN` if they are open."""
        is_closed = (self.deals["stage"].isin(CLOSED) & self.deals["close_date"].notna()).to_numpy()
        return np.where(is_closed, day_numbers(self.deals["close_date"]), OPEN)

    @cached_property
    def won(self) -> np.ndarray:
        """Whether the deals are won."""
        return (self.deals["stage"] == Stage.WON.value).to_numpy() & (self.closed < OPEN)

    @cached_property
    def value(self) -> np.ndarray:
        """Revenue of the deals, 0 while they are open; a won deal of unknown value has the others' mean."""
        value = self.deals["close_value"].to_numpy(dtype="float64")
        unknown = self.won & np.isnan(value)
        known = value[self.won & ~unknown]
        return np.where(unknown, known.mean() if len(known) else 0.0, np.nan_to_num(value))

    @cached_property
    def price(self) -> np.ndarray:
        """List prices; 0 where there is none."""
        if "list_price" not in self.deals:
            return np.zeros(len(self.deals))
        return np.nan_to_num(self.deals["list_price"].to_numpy(dtype="float64"))

    @cached_property
    def months(self) -> list[str]:
        """The months from the first recorded close to the snapshot's; none if no deal is closed."""
        first = self.closed.min() if len(self.deals) else OPEN
        if first == OPEN:
            return []
        return list(MonthRange(str(np.datetime64(int(first), "D"))[:7], self.month))

    def open_at(self, month: str) -> np.ndarray:
        """Return which deals were open at the end of a month, shape (n,)."""
        last = last_day(month)
        return (self.engaged <= last) & (self.closed > last)

    def won_within(self, month: str, ahead: int) -> np.ndarray:
        """Return which deals were won within some months after a month, shape (n,)."""
        return self.won & (self.closed > last_day(month)) & (self.closed <= last_day(shift(month, ahead)))

    def new_after(self, month: str) -> np.ndarray:
        """Return which deals were engaged after a month, shape (n,)."""
        return self.engaged > last_day(month)

    def engaged_in(self, month: str) -> np.ndarray:
        """Return which deals were engaged in a month, shape (n,)."""
        return (self.engaged > last_day(shift(month, -1))) & (self.engaged <= last_day(month))

    def as_of(self, month: str) -> pd.DataFrame:
        """Return the engaged deals as the snapshot of an earlier month shows them."""
        last = last_day(month)
        known = self.engaged <= last
        rows, still_open = self.deals[known], self.closed[known] > last
        stage = self._stages[known]
        stage[still_open] = Stage.ENGAGING.value
        return rows.assign(
            **{
                MONTH: month,
                "stage": stage,
                "close_date": rows["close_date"].where(~still_open),
                "close_value": rows["close_value"].where(~still_open),
            }
        )

    def features_at(self, month: str) -> pd.DataFrame:
        """Return the deals open at the end of a month with the features that the hazard looks at."""
        rows = self.open_at(month)
        age = last_day(month) - self.engaged[rows]
        kept = [name for name in (DEAL, "product_series", *LEVELS) if name in self.deals.columns]
        return self.deals.loc[rows, kept].assign(
            **{MONTH: month, "days_open": age, "month_of_quarter": (month_end(month).month % 3) + 1}
        )

    def worth(self, month: str, rows: np.ndarray) -> np.ndarray:
        """Return the revenue of some deals if won, by list price and won deals as known at a month's end.

        Amounts have no say: today's amount of a deal that has closed since is what it fetched.

        Args:
            month: the month.
            rows: which deals, as positions or a mask.
        """
        ratio, fetched = self.once(("worth", month), lambda: self._fetched(month))
        price, product = self.price[rows], self._products[rows]
        return np.where(price > 0, price * ratio[product], fetched[product])

    def once(self, key: tuple[str, ...], make: Callable[[], Any]) -> Any:
        """Return what was made for a key before, or make it."""
        kept = self.__dict__.setdefault("_kept", {})
        if key not in kept:
            kept[key] = make()
        return kept[key]

    @cached_property
    def _products(self) -> np.ndarray:
        """Return the number of each deal's product; deals without a product are one more product."""
        if "product" not in self.deals:
            return np.zeros(len(self.deals), dtype="int32")
        return self.deals["product"].astype("category").cat.codes.to_numpy().astype("int32") + 1

    def _fetched(self, month: str) -> tuple[np.ndarray, np.ndarray]:
        """Return by product what won deals fetched: over their list prices, and on average."""
        won = np.flatnonzero(self.won & (self.closed <= last_day(month)))
        many = int(self._products.max(initial=0)) + 1
        priced = won[self.price[won] > 0]

        def over(rows: np.ndarray, asked: np.ndarray, otherwise: float) -> np.ndarray:
            """Return paid over asked by product, or over all products if it has no rows."""
            top, bottom = (
                np.bincount(self._products[rows], weights=part, minlength=many)
                for part in (self.value[rows], asked)
            )
            overall = top.sum() / bottom.sum() if bottom.sum() > 0 else otherwise
            return np.where(bottom > 0, top / np.where(bottom > 0, bottom, 1.0), overall)

        return over(priced, self.price[priced], 1.0), over(won, np.ones(len(won)), 0.0)

    def fingerprint(self, month: str) -> str:
        """Return a digest of all that was known at the end of a month."""
        last = last_day(month)
        known = self.engaged <= last
        opened, ended = self._hashes
        told = np.where(self.closed[known] > last, np.uint64(0), ended[known])
        return hashlib.blake2b(opened[known].tobytes() + told.tobytes(), digest_size=16).hexdigest()

    @cached_property
    def _stages(self) -> pd.Categorical:
        stages = pd.Categorical(self.deals["stage"])
        there = Stage.ENGAGING.value in stages.categories
        return stages if there else stages.add_categories([Stage.ENGAGING.value])

    @cached_property
    def _hashes(self) -> tuple[np.ndarray, np.ndarray]:
        """Return a hash of each deal as it was opened, and one of how it ended, shape (n,) each."""
        ended = ["stage", "close_date", "close_value"]
        opened = [name for name in COLUMNS if name in self.deals.columns and name not in (MONTH, *ended)]
        deals = self.deals.assign(stage=self._stages)
        hashes = [pd.util.hash_pandas_object(deals[names], index=False) for names in (opened, ended)]
        return hashes[0].to_numpy(), hashes[1].to_numpy()

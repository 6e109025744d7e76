"""Honest columns that look like leaks: outcomes depend on values that existed from the start."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from dev.leaks import Kind, Random, Sides, written


def lived(
    deals: pd.DataFrame,
    random: Random,
    of: np.ndarray,
    pace: float = 1.0,
    lose: float = 0.0,
    never: float = 0.0,
    win: float = 0.0,
) -> pd.DataFrame:
    """Return the deals as if some took longer, lost more often or never closed.

    Args:
        deals: the deals.
        random: the generator.
        of: which deals change, shape (deals,).
        pace: factor of their cycle's length.
        lose: share of their won deals that is lost instead.
        never: share that never closes.
        win: share of their lost deals that is won instead.
    """
    closed, lots = of & Sides(deals).closed, random.random((3, len(deals)))
    cycle = (deals["close_date"] - deals["engage_date"]).dt.days * pace
    close = (deals["engage_date"] + pd.to_timedelta(cycle.round().fillna(0).astype("int64"), unit="D")).where(
        closed, deals["close_date"]
    )
    gone = closed & ((close > deals["close_date"].max()).to_numpy() | (lots[0] < never))
    stage = deals["stage"].to_numpy(dtype=object).copy()
    stage[closed & (stage == "Won") & (lots[1] < lose)] = "Lost"
    stage[closed & (deals["stage"] == "Lost").to_numpy() & (lots[2] < win)] = "Won"
    stage[gone] = "Engaging"
    value = deals["close_value"].to_numpy(dtype="float64").copy()
    value[stage == "Lost"] = 0.0
    won_now = (stage == "Won") & (deals["stage"] != "Won").to_numpy()
    value[won_now] = deals["list_price"].to_numpy(dtype="float64")[won_now]
    value[gone] = np.nan
    return deals.assign(close_date=close.mask(gone), stage=stage, close_value=value)


def when_engaged(deals: pd.DataFrame) -> np.ndarray:
    """Return when each deal was engaged, from 0 for the first to 1 for the last."""
    day = deals["engage_date"]
    return ((day - day.min()) / (day.max() - day.min())).fillna(0.5).to_numpy()


def kind_of(
    name: str, column: str, value: object, share: Callable[[np.ndarray], np.ndarray], **life: float
) -> Kind:
    """Return a kind of deals with its own course, whose share depends on time."""

    def make(deals: pd.DataFrame, random: Random) -> tuple[str, pd.DataFrame]:
        of = random.random(len(deals)) < share(when_engaged(deals))
        return written(lived(deals, random, of, **life) if life else deals, column, of, value)

    return Kind(name, make)


def _by_region(deals: pd.DataFrame, random: Random) -> tuple[str, pd.DataFrame]:
    of = (deals["regional_office"] == deals["regional_office"].mode()[0]).to_numpy()
    return written(deals, "account", of & (random.random(len(deals)) < 0.6), None)


def _by_slow_region(deals: pd.DataFrame, random: Random) -> tuple[str, pd.DataFrame]:
    of = (deals["regional_office"] == deals["regional_office"].mode()[0]).to_numpy()
    return written(
        lived(deals, random, of, pace=1.8), "account", of & (random.random(len(deals)) < 0.6), None
    )


def _star(deals: pd.DataFrame, random: Random) -> tuple[str, pd.DataFrame]:
    of = (deals["sales_agent"] == deals["sales_agent"].value_counts().index[0]).to_numpy()
    return "sales_agent", lived(deals, random, of, pace=0.6, win=0.7)


def _left(deals: pd.DataFrame, random: Random) -> tuple[str, pd.DataFrame]:
    """Make an agent leave: no new deals afterwards, and the deals that were open then never close."""
    agent = deals["sales_agent"].value_counts().index[0]
    of, when = (deals["sales_agent"] == agent).to_numpy(), deals["engage_date"].quantile(0.5)
    after = of & (deals["engage_date"] > when).to_numpy()
    others = np.sort(deals.loc[~of, "sales_agent"].unique())
    deals = written(deals, "sales_agent", after, random.choice(others, int(after.sum())))[1]
    open_then = of & ~after & ((deals["close_date"] > when) | deals["close_date"].isna()).to_numpy()
    return "sales_agent", lived(deals, random, open_then, never=1.0)


def _merged(deals: pd.DataFrame, random: Random) -> tuple[str, pd.DataFrame]:
    offices = np.sort(deals["regional_office"].dropna().unique())
    of = (when_engaged(deals) > 0.6) & (deals["regional_office"] == offices[0]).to_numpy()
    return written(deals, "regional_office", of, offices[1])


def _seasonal(deals: pd.DataFrame, random: Random) -> tuple[str, pd.DataFrame]:
    of = (deals["engage_date"].dt.month % 3 == 0).to_numpy() & (random.random(len(deals)) < 0.4)
    return written(lived(deals, random, of, lose=0.4), "sector", of, "Seasonal")


def _seasonal_slow(deals: pd.DataFrame, random: Random) -> tuple[str, pd.DataFrame]:
    of = (deals["engage_date"].dt.month % 3 == 0).to_numpy() & (random.random(len(deals)) < 0.4)
    return written(lived(deals, random, of, pace=2.0), "sector", of, "Seasonal")


def _large_are_slow(deals: pd.DataFrame, random: Random) -> tuple[str, pd.DataFrame]:
    amount = np.round(deals["list_price"].to_numpy(dtype="float64") * random.lognormal(0, 0.5, len(deals)), 2)
    large = amount > np.quantile(amount, 0.7)
    return "list_price", lived(deals, random, large, pace=1.8, lose=0.2).assign(list_price=amount)


def _price_change(deals: pd.DataFrame, random: Random) -> tuple[str, pd.DataFrame]:
    of = when_engaged(deals) > 0.5
    price = deals["list_price"].to_numpy(dtype="float64") * np.where(of, 1.1, 1.0)
    return "list_price", lived(deals, random, of, lose=0.15).assign(list_price=np.round(price, 2))


def _skilled(deals: pd.DataFrame, random: Random) -> tuple[str, pd.DataFrame]:
    names = np.sort(deals["sales_agent"].unique())
    good = deals["sales_agent"].isin(random.choice(names, len(names) // 2, replace=False)).to_numpy()
    return "sales_agent", lived(deals, random, good, pace=0.7, win=0.5)


def shares(low: float, high: float, after: float | None = None) -> Callable[[np.ndarray], np.ndarray]:
    """Return a share over time: from `low` to `high`, in one step if `after` says when."""
    if after is None:
        return lambda time: low + (high - low) * time
    return lambda time: np.where(time > after, high, low)


_THIRD = shares(0.3, 0.3)
CONFOUNDERS: tuple[Kind, ...] = (
    kind_of("missing at random", "account", None, shares(0.2, 0.2)),
    Kind("missing in one region", _by_region),
    Kind("missing in one region that is slow", _by_slow_region),
    kind_of("mandatory from mid-year", "account", None, shares(0.5, 0.0, 0.5)),
    kind_of(
        "mandatory from autumn, and what lacks it loses", "account", None, shares(0.5, 0.1, 0.7), lose=0.4
    ),
    kind_of("weak deals lose", "sector", "Channel", _THIRD, lose=0.5),
    kind_of("weak deals lose, account missing", "account", None, _THIRD, lose=0.5),
    kind_of("a kind that never wins", "sector", "Channel", shares(0.15, 0.15), lose=1.0),
    kind_of("a kind that never wins, account missing", "account", None, _THIRD, lose=1.0),
    kind_of("a kind that never closes", "sector", "Channel", _THIRD, never=0.8),
    kind_of("a kind that never closes, account missing", "account", None, _THIRD, never=0.8),
    kind_of("slow channel", "sector", "Channel", _THIRD, pace=2.5),
    kind_of("slow channel that grows", "sector", "Channel", shares(0.0, 0.6), pace=2.0, lose=0.2),
    kind_of("slow channel that shrinks", "sector", "Channel", shares(0.6, 0.0), pace=2.0, lose=0.2),
    kind_of("slow channel that steps up", "sector", "Channel", shares(0.1, 0.5, 0.6), pace=2.0),
    kind_of("slow channel that steps up late", "sector", "Channel", shares(0.1, 0.5, 0.8), pace=2.0),
    kind_of("slow channel that steps down", "sector", "Channel", shares(0.5, 0.1, 0.6), pace=2.0),
    kind_of("fast channel", "sector", "Channel", _THIRD, pace=0.4),
    kind_of("fast channel that grows", "sector", "Channel", shares(0.0, 0.6), pace=0.5),
    kind_of("fast channel that steps up", "sector", "Channel", shares(0.1, 0.5, 0.6), pace=0.5),
    kind_of("fast channel that steps down late", "sector", "Channel", shares(0.5, 0.1, 0.8), pace=0.5),
    kind_of("slow and weak", "account", None, _THIRD, pace=2.0, lose=0.5, never=0.3),
    Kind("star agent", _star),
    Kind("half of the agents fast and good", _skilled),
    kind_of("new hire", "sales_agent", "New Hire", shares(0.0, 0.3, 0.7)),
    kind_of("new hire who is slow", "sales_agent", "New Hire", shares(0.0, 0.3, 0.8), pace=2.0, never=0.3),
    Kind("an agent who left", _left),
    kind_of("product launched late", "product", "New Product", shares(0.0, 0.3, 0.7)),
    kind_of(
        "product launched late that is slow",
        "product",
        "New Product",
        shares(0.0, 0.3, 0.7),
        pace=1.5,
        lose=0.3,
        never=0.2,
    ),
    kind_of(
        "product that was discontinued", "product", "Old Product", shares(0.4, 0.0, 0.4), pace=1.5, lose=0.3
    ),
    Kind("seasonal mix that loses", _seasonal),
    Kind("seasonal mix that is slow", _seasonal_slow),
    Kind("two offices merged", _merged),
    Kind("large deals are slow", _large_are_slow),
    Kind("a price change that loses deals", _price_change),
)

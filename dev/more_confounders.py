"""More honest columns that look like leaks: no threshold of the audit was chosen by them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from dev.confounders import kind_of, lived, shares, when_engaged
from dev.leaks import Kind, Random, Sides, written
from dev.more_leaks import large, lots


def _bump(time: np.ndarray) -> np.ndarray:
    return 0.1 + 0.4 * np.exp(-(((time - 0.6) / 0.12) ** 2))


def _wave(time: np.ndarray) -> np.ndarray:
    return 0.25 + 0.2 * np.sin(time * 12)


def _exponential(time: np.ndarray) -> np.ndarray:
    return 0.6 * np.exp(4 * (time - 1))


def _wandering(seed: int) -> Callable[[np.ndarray], np.ndarray]:
    steps = np.random.default_rng(seed).normal(0, 0.08, 16).cumsum()
    return lambda time: np.clip(0.3 + steps[(time * 15.99).astype(int)], 0.05, 0.8)


def _slow_region(deals: pd.DataFrame, random: Random) -> tuple[str, pd.DataFrame]:
    of = (deals["regional_office"] == deals["regional_office"].mode()[0]).to_numpy()
    return "regional_office", lived(deals, random, of, pace=1.8)


def _hard_deals(deals: pd.DataFrame, random: Random) -> tuple[str, pd.DataFrame]:
    names = deals["sales_agent"].value_counts().index[:4]
    of = deals["sales_agent"].isin(names).to_numpy()
    return "sales_agent", lived(deals, random, of, pace=1.6, lose=0.5, never=0.2)


def _agents_come_and_go(deals: pd.DataFrame, random: Random) -> tuple[str, pd.DataFrame]:
    """Make agents work for five months each, some of them slow."""
    start = np.floor(when_engaged(deals) * 12).astype(int)
    who = start - random.integers(0, 5, len(deals))
    names = np.array(
        [f"Agent {n:02d} {'ab'[p]}" for n, p in zip(who, random.integers(0, 2, len(deals)), strict=True)]
    )
    slow = who % 3 == 0
    return "sales_agent", lived(deals.assign(sales_agent=names), random, slow, pace=1.7, lose=0.3)


def _few(deals: pd.DataFrame, random: Random) -> tuple[str, pd.DataFrame]:
    kept = deals[random.random(len(deals)) < 600 / len(deals)].reset_index(drop=True)
    of = lots(kept, random, 0.3)
    return written(lived(kept, random, of, pace=2, lose=0.3), "sector", of, "Channel")


def _big_month(deals: pd.DataFrame, random: Random) -> tuple[str, pd.DataFrame]:
    """Make one month five times as large; half of its additional deals come from a slow campaign."""
    month = deals["engage_date"].dt.to_period("M")
    chosen = deals[month == sorted(month.dropna().unique())[-4]]
    more = pd.concat([chosen] * 4, ignore_index=True)
    more["opportunity_id"] = [f"M{n:07d}" for n in range(len(more))]
    campaign = np.r_[np.zeros(len(deals), bool), random.random(len(more)) < 0.5]
    campaign[: len(deals)] = random.random(len(deals)) < 0.05
    both = pd.concat([deals, more], ignore_index=True)
    return written(lived(both, random, campaign, pace=1.8, lose=0.3), "sector", campaign, "Campaign")


def _added_late(deals: pd.DataFrame, random: Random) -> tuple[str, pd.DataFrame]:
    """Make a field that exists since the middle of a late month."""
    return written(deals, "sector", when_engaged(deals) < 0.83, None)


def _purged(deals: pd.DataFrame, random: Random) -> tuple[str, pd.DataFrame]:
    """Make an import that lacks the sector of half of the deals engaged in four months."""
    time = when_engaged(deals)
    return written(deals, "sector", (time > 0.3) & (time < 0.6) & lots(deals, random, 0.5), None)


def _weekday(deals: pd.DataFrame, random: Random) -> tuple[str, pd.DataFrame]:
    of = deals["engage_date"].dt.dayofweek.isin([4, 5, 6]).to_numpy()
    return written(lived(deals, random, of, pace=1.7), "sector", of, "Weekend")


def _amount(deals: pd.DataFrame, random: Random) -> tuple[str, pd.DataFrame]:
    """Make amounts that grow over the year, large ones slow."""
    amount = np.round(
        deals["list_price"].to_numpy(dtype="float64")
        * random.lognormal(0, 0.5, len(deals))
        * (1 + when_engaged(deals)),
        2,
    )
    return "amount", lived(deals, random, amount > np.quantile(amount, 0.7), pace=1.7, lose=0.2).assign(
        amount=amount
    )


def _scored(deals: pd.DataFrame, random: Random) -> tuple[str, pd.DataFrame]:
    """Make a lead score, given at the start, that foretells winning well."""
    sides = Sides(deals)
    # A deal that is still open will be won as often as those that closed.
    will_be_won = np.where(sides.open, lots(deals, random, sides.won.sum() / sides.closed.sum()), sides.won)
    score = np.where(will_be_won, 0.65, 0.35) + random.normal(0, 0.2, len(deals))
    return "crm_probability", deals.assign(crm_probability=np.clip(np.round(score, 1), 0, 1))


def _renewals(deals: pd.DataFrame, random: Random) -> tuple[str, pd.DataFrame]:
    of = lots(deals, random, 0.25)
    kind = np.where(of, "Renewal", "New").astype(object)
    return "pipeline", lived(deals, random, of, pace=0.5, win=0.8).assign(pipeline=kind)


def _offices_merge_slow(deals: pd.DataFrame, random: Random) -> tuple[str, pd.DataFrame]:
    offices = np.sort(deals["regional_office"].dropna().unique())
    slow = (deals["regional_office"] == offices[0]).to_numpy()
    of = slow & (when_engaged(deals) > 0.5)
    return written(lived(deals, random, slow, pace=1.7), "regional_office", of, offices[1])


def _price_list(deals: pd.DataFrame, random: Random) -> tuple[str, pd.DataFrame]:
    """Raise prices every quarter; dear products are slow."""
    price = deals["list_price"].to_numpy(dtype="float64")
    raised = np.round(price * 1.05 ** np.floor(when_engaged(deals) * 5), 2)
    return "list_price", lived(deals, random, large(deals), pace=1.6).assign(list_price=raised)


_THIRD = shares(0.3, 0.3)
MORE_HONEST: tuple[Kind, ...] = (
    kind_of("slow campaign in autumn", "sector", "Campaign", _bump, pace=2.0),
    kind_of("fast campaign in autumn", "sector", "Campaign", _bump, pace=0.5),
    kind_of("weak campaign in autumn", "sector", "Campaign", _bump, lose=0.6),
    kind_of("slow channel that comes and goes", "sector", "Channel", _wave, pace=2.0),
    kind_of("slow channel that comes and goes, account missing", "account", None, _wave, pace=2.0),
    kind_of("slow channel that grows ever faster", "sector", "Channel", _exponential, pace=2.0),
    kind_of("channel that grows ever faster and never closes", "sector", "Channel", _exponential, never=0.5),
    kind_of("fast channel that grows ever faster", "sector", "Channel", _exponential, pace=0.5),
    kind_of("slow channel that wanders", "sector", "Channel", _wandering(1), pace=2.0),
    kind_of("slow channel that wanders otherwise", "sector", "Channel", _wandering(2), pace=2.0, lose=0.3),
    kind_of("weak channel that wanders", "account", None, _wandering(3), lose=0.5, never=0.3),
    kind_of("fast channel that wanders", "account", None, _wandering(4), pace=0.5),
    Kind("slow region", _slow_region),
    Kind("agents with hard deals alone", _hard_deals),
    Kind("agents who come and go", _agents_come_and_go),
    Kind("few deals, slow channel", _few),
    Kind("one big month", _big_month),
    Kind("field added in a late month", _added_late),
    Kind("import that lacks a field", _purged),
    Kind("deals of the weekend are slow", _weekday),
    Kind("growing amounts, large ones slow", _amount),
    Kind("a good score from the start", _scored),
    Kind("renewals are fast and safe", _renewals),
    Kind("slow office that was merged", _offices_merge_slow),
    Kind("prices rise, dear products slow", _price_list),
    kind_of("mandatory from spring, weak without", "sector", None, shares(0.6, 0.05, 0.3), lose=0.5),
    kind_of("mandatory in steps, slow without", "account", None, shares(0.6, 0.0), pace=1.6),
    kind_of("product launched late that sells fast", "product", "New", shares(0.0, 0.4, 0.6), pace=0.5),
    kind_of("a large share that never closes", "sector", "Dead", shares(0.5, 0.5), never=0.6),
    kind_of("strong, slow, never", "sales_agent", "Partner", shares(0.4, 0.2), pace=1.5, never=0.5, lose=0.3),
)

"""Leaks to put into a dump's cleaned deals: each one is a column that somebody writes when deals close.

Each kind takes the deals and a random generator, and returns the column's name and the deals with that column
rewritten. The deals have the columns of `crm.tables.OPPORTUNITIES`, with dates as datetime64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

Values = tuple[str, pd.Series]
Random = np.random.Generator


@dataclass(frozen=True)
class Kind:
    """One kind of leak, or of honest column: its name, and a function that rewrites deals."""

    name: str
    make: Callable[[pd.DataFrame, Random], tuple[str, pd.DataFrame]]


class Sides:
    """Which deals are open, won and lost, and how many days ago they closed."""

    def __init__(self, deals: pd.DataFrame) -> None:
        self.won = (deals["stage"] == "Won").to_numpy()
        self.lost = (deals["stage"] == "Lost").to_numpy()
        self.closed = self.won | self.lost
        self.open = ~self.closed
        age = (deals["close_date"].max() - deals["close_date"]).dt.days
        self.age = age.fillna(-1).to_numpy()


ACCOUNT_COLUMNS = (
    "sector",
    "account_revenue",
    "account_employees",
    "account_year_established",
    "account_parent",
)


def written(deals: pd.DataFrame, column: str, where: np.ndarray, value: object) -> tuple[str, pd.DataFrame]:
    """Return the deals with a column of some of them overwritten by one value, or one value per deal.

    If the account changes, everything known about it is removed as well.
    """
    values = deals[column].astype(object).to_numpy().copy()
    values[where] = value
    kept = pd.Series(values, deals.index)
    if pd.api.types.is_numeric_dtype(deals[column]) and not isinstance(value, str):
        kept = kept.astype("float64")
    changed = deals.assign(**{column: kept})
    if column == "account" and (value is None or isinstance(value, str)):
        changed = changed.assign(**{name: deals[name].mask(where) for name in ACCOUNT_COLUMNS})
    return column, changed


def hidden_while_open(
    deals: pd.DataFrame, random: Random, column: str, value: object, share: float = 0.6, noise: float = 0.0
) -> tuple[str, pd.DataFrame]:
    """Hide a value until the deal closes, with some noise."""
    lots = random.random(len(deals))
    return written(deals, column, np.where(Sides(deals).open, lots < share, lots < noise), value)


def filled_at_winning(
    deals: pd.DataFrame, random: Random, column: str, value: object, lost: float = 0.5, noise: float = 0.0
) -> tuple[str, pd.DataFrame]:
    """Remove a value from some lost and open deals: it is filled in when a deal is won."""
    sides, lots = Sides(deals), random.random(len(deals))
    share = np.select([sides.won, sides.lost], [noise, lost], 0.7)
    return written(deals, column, lots < share, value)


def rewritten(
    deals: pd.DataFrame,
    random: Random,
    column: str,
    to: object,
    share: float,
    when: str = "closed",
    days: int = 0,
) -> tuple[str, pd.DataFrame]:
    """Give some deals that closed with an outcome another value, some days later."""
    sides = Sides(deals)
    where = getattr(sides, when) & (random.random(len(deals)) < share)
    where &= (sides.age >= days) | (days == 0)
    if isinstance(to, int):  # this many of the existing values
        names = deals[column].dropna().unique()
        to = random.choice(
            random.choice(np.sort(names), min(to, len(names)), replace=False), int(where.sum())
        )
    return written(deals, column, where, to)


def late(
    deals: pd.DataFrame, random: Random, column: str, value: object, when: str, days: int
) -> tuple[str, pd.DataFrame]:
    """Hide a value until some days after closing."""
    sides = Sides(deals)
    done = getattr(sides, when) & (sides.age >= days)
    return written(deals, column, ~done & (random.random(len(deals)) < 0.6), value)


def close_value(deals: pd.DataFrame, random: Random, when: str, share: float) -> tuple[str, pd.DataFrame]:
    """Replace some prices by the close value."""
    where = getattr(Sides(deals), when) & (random.random(len(deals)) < share)
    return written(deals, "list_price", where, deals["close_value"].to_numpy(dtype="float64")[where])


def respelled(
    deals: pd.DataFrame, random: Random, column: str, spell: Callable[[str], str], when: str, share: float
) -> tuple[str, pd.DataFrame]:
    """Spell some names another way."""
    where = (
        getattr(Sides(deals), when) & (random.random(len(deals)) < share) & deals[column].notna().to_numpy()
    )
    return written(
        deals, column, where, np.array([spell(v) for v in deals[column].to_numpy()[where]], dtype=object)
    )


def rounded(deals: pd.DataFrame, random: Random, when: str, share: float) -> tuple[str, pd.DataFrame]:
    """Round an amount with cents to tens when the deal closes."""
    amount = np.round(deals["list_price"].to_numpy(dtype="float64") * random.lognormal(0, 0.3, len(deals)), 2)
    where = getattr(Sides(deals), when) & (random.random(len(deals)) < share)
    return "list_price", deals.assign(list_price=np.where(where, np.round(amount, -1), amount))


def merged_into_parent(deals: pd.DataFrame, random: Random) -> tuple[str, pd.DataFrame]:
    """Replace an account by one of ten groups when a deal with it is won."""
    names = np.sort(deals["account"].dropna().unique())
    parent = dict(zip(names, random.choice(names[:10], len(names)), strict=True))
    where = Sides(deals).won & (random.random(len(deals)) < 0.5) & deals["account"].notna().to_numpy()
    return written(deals, "account", where, deals["account"][where].map(parent).to_numpy())


def for_customers_only(deals: pd.DataFrame, random: Random, accounts: int) -> tuple[str, pd.DataFrame]:
    """Keep a head count only for customers, that is, accounts with a won deal."""
    account = random.integers(0, accounts, len(deals))
    customers = np.unique(account[Sides(deals).won])
    heads = np.round(random.lognormal(6, 1, accounts))
    known = np.isin(account, customers)
    names = np.array([f"Account {number}" for number in account], dtype=object)
    changed = deals.assign(account=names)
    return "account_employees", changed.assign(account_employees=np.where(known, heads[account], np.nan))


def many_spellings(deals: pd.DataFrame, random: Random) -> tuple[str, pd.DataFrame]:
    """Use placeholders of many spellings, each of them rare, until the deal closes."""
    words = [
        "N/A",
        "n/a",
        "-",
        "TBD",
        "tbd",
        "unknown",
        "UNKNOWN",
        "?",
        " none ",
        "not set",
        "Unassigned",
        "xxx",
    ]
    where = Sides(deals).open & (random.random(len(deals)) < 0.5)
    return written(deals, "account", where, random.choice(np.array(words, dtype=object), int(where.sum())))


def swapped_both_ways(deals: pd.DataFrame, random: Random) -> tuple[str, pd.DataFrame]:
    """Make a random hot or cold rating; most won deals turn hot and most lost deals cold."""
    sides, lots = Sides(deals), random.random(len(deals)) < 0.7
    rating = np.where(random.random(len(deals)) < 0.5, "hot", "cold").astype(object)
    rating[sides.won & lots], rating[sides.lost & lots] = "hot", "cold"
    return "sector", deals.assign(sector=rating)


def kind_of(
    name: str, make: Callable[..., tuple[str, pd.DataFrame]], *given: object, **named: object
) -> Kind:
    """Return a kind that rewrites deals by a function with these arguments."""
    return Kind(name, lambda deals, random: make(deals, random, *given, **named))


LEAKS: tuple[Kind, ...] = (
    kind_of("account missing while open", hidden_while_open, "account", None),
    kind_of("account missing while open, 1 % noise", hidden_while_open, "account", None, noise=0.01),
    kind_of("account missing while open, 5 % noise", hidden_while_open, "account", None, noise=0.05),
    kind_of("account missing while open, 15 % noise", hidden_while_open, "account", None, noise=0.15),
    kind_of("account Unknown while open", hidden_while_open, "account", "Unknown"),
    kind_of("account one of many placeholders while open", many_spellings),
    kind_of("account filled in at winning", filled_at_winning, "account", None),
    kind_of("account filled in at winning, 5 % noise", filled_at_winning, "account", None, noise=0.05),
    kind_of("account filled in at winning, 15 % noise", filled_at_winning, "account", None, noise=0.15),
    kind_of("account merged into its group at winning", merged_into_parent),
    kind_of(
        "account gets (customer) at winning", respelled, "account", lambda v: f"{v} (customer)", "won", 0.7
    ),
    kind_of("account in capitals at winning", respelled, "account", str.upper, "won", 0.5),
    kind_of("agent becomes Closing Desk", rewritten, "sales_agent", "Closing Desk", 0.3),
    kind_of("agent becomes one of five at closing", rewritten, "sales_agent", 5, 0.3),
    kind_of("agent becomes one of five at winning", rewritten, "sales_agent", 5, 0.5, "won"),
    kind_of("agent becomes any other at winning", rewritten, "sales_agent", 1, 0.3, "won"),
    kind_of("manager removed at closing", rewritten, "manager", None, 0.3),
    kind_of("manager removed when lost", rewritten, "manager", None, 0.4, "lost"),
    kind_of("product generic while open", hidden_while_open, "product", "Generic"),
    kind_of("product upsold at winning", rewritten, "product", 1, 0.4, "won"),
    kind_of("office becomes HQ at winning", rewritten, "regional_office", "HQ", 0.4, "won"),
    kind_of("office swapped at closing", rewritten, "regional_office", 1, 0.4),
    kind_of("price becomes close value of 40 % of the won", close_value, "won", 0.4),
    kind_of("price becomes close value of half of the closed", close_value, "closed", 0.5),
    kind_of("amount rounded at winning", rounded, "won", 0.7),
    kind_of("employees 0 while open", hidden_while_open, "account_employees", 0.0, 0.5),
    kind_of("employees of customers alone, 4,000 accounts", for_customers_only, accounts=4_000),
    kind_of("employees of customers alone, 800 accounts", for_customers_only, accounts=800),
    kind_of("sector known of the won alone", filled_at_winning, "sector", None, 0.7),
    kind_of("sector filled in 20 days after closing", late, "sector", None, "closed", 20),
    kind_of("sector filled in 90 days after closing", late, "sector", None, "closed", 90),
    kind_of("sector filled in 150 days after closing", late, "sector", None, "closed", 150),
    kind_of("revenue filled in 45 days after winning", late, "account_revenue", np.nan, "won", 45),
    kind_of("rating swapped both ways at closing", swapped_both_ways),
)


# Shares of the deals to rewrite, to see how strong a leak must be.
DOSES = (0.05, 0.1, 0.2, 0.4)


def dosed(dose: float) -> tuple[Kind, ...]:
    """Return three leaks that rewrite only a share of the deals."""
    return (
        kind_of(f"account missing on {dose:.0%} of the open", hidden_while_open, "account", None, dose),
        kind_of(
            f"agent becomes Closing Desk on {dose:.0%} of the closed", rewritten, "sales_agent", "Desk", dose
        ),
        kind_of(
            f"office becomes HQ on {dose:.0%} of the won", rewritten, "regional_office", "HQ", dose, "won"
        ),
    )

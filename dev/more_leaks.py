"""More kinds of leak: no threshold of the audit was chosen by them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dev.confounders import when_engaged
from dev.leaks import Kind, Random, Sides, kind_of, written


def large(deals: pd.DataFrame) -> np.ndarray:
    """Return which deals are about a dear product."""
    price = deals["list_price"].to_numpy(dtype="float64")
    return price >= np.nanquantile(price, 0.6)


def lots(deals: pd.DataFrame, random: Random, share: float) -> np.ndarray:
    """Draw a share of the deals."""
    return random.random(len(deals)) < share


def two_together(deals: pd.DataFrame, random: Random, share: float) -> tuple[str, pd.DataFrame]:
    """Leave each open deal without its manager, or else without its office."""
    sides, drawn = Sides(deals), random.random(len(deals))
    _, deals = written(deals, "regional_office", sides.open & (drawn > 1 - share), "to be assigned")
    return written(deals, "manager", sides.open & (drawn < share), "Queue")


def own_value(deals: pd.DataFrame, random: Random, column: str, noise: float) -> tuple[str, pd.DataFrame]:
    """Overwrite an estimate by the value with which the deal was won, or 0 if it was lost."""
    estimate = np.round(deals["list_price"].to_numpy(dtype="float64") * random.lognormal(0, 0.4, len(deals)))
    final = deals["close_value"].to_numpy(dtype="float64")
    where = Sides(deals).closed & ~lots(deals, random, noise) & ~np.isnan(final)
    return column, deals.assign(**{column: np.where(where, final, estimate)})


def number_when_lost(
    deals: pd.DataFrame, random: Random, column: str, to: float, share: float
) -> tuple[str, pd.DataFrame]:
    """Set a number to 0 or -1 when the deal is lost."""
    return written(deals, column, Sides(deals).lost & lots(deals, random, share), to)


def close_date_as_text(deals: pd.DataFrame, random: Random, share: float) -> tuple[str, pd.DataFrame]:
    """Replace the sector by the day of closing, as text."""
    where = Sides(deals).closed & lots(deals, random, share)
    days = deals["close_date"].dt.strftime("%d.%m.%Y").to_numpy(dtype=object)
    return written(deals, "sector", where, days[where])


def split(
    deals: pd.DataFrame, random: Random, column: str, when: str, share: float
) -> tuple[str, pd.DataFrame]:
    """Split each category in two when the deal closes."""
    where = getattr(Sides(deals), when) & lots(deals, random, share) & deals[column].notna().to_numpy()
    parts = np.where(lots(deals, random, 0.5), " I", " II").astype(object)
    return written(deals, column, where, deals[column].astype(object).to_numpy()[where] + parts[where])


def in_one_office(deals: pd.DataFrame, random: Random) -> tuple[str, pd.DataFrame]:
    """Leave out the account of open deals, in the largest office alone."""
    of = (deals["regional_office"] == deals["regional_office"].mode()[0]).to_numpy()
    return written(deals, "account", of & Sides(deals).open & lots(deals, random, 0.9), None)


def from_a_month_on(
    deals: pd.DataFrame, random: Random, column: str, value: object, quantile: float
) -> tuple[str, pd.DataFrame]:
    """Rewrite what closes, from some month of closing on."""
    since = deals["close_date"].quantile(quantile)
    where = (deals["close_date"] >= since).to_numpy() & lots(deals, random, 0.6)
    return written(deals, column, where, value)


def hidden_from_a_month_on(deals: pd.DataFrame, random: Random) -> tuple[str, pd.DataFrame]:
    """Require an account at closing only of deals engaged in the later half."""
    where = Sides(deals).open & (when_engaged(deals) > 0.4) & lots(deals, random, 0.6)
    return written(deals, "account", where, None)


def of_large_deals(deals: pd.DataFrame, random: Random, when: str) -> tuple[str, pd.DataFrame]:
    """Write a contract type only for large deals."""
    where = getattr(Sides(deals), when) & large(deals) & lots(deals, random, 0.8)
    return written(deals, "sector", where, "Framework contract")


def merged_after(deals: pd.DataFrame, random: Random, days: int) -> tuple[str, pd.DataFrame]:
    """Merge an account into one of eight groups some days after winning."""
    names = np.sort(deals["account"].dropna().unique())
    group = dict(zip(names, random.choice(names[:8], len(names)), strict=True))
    sides = Sides(deals)
    where = sides.won & (sides.age >= days) & lots(deals, random, 0.6) & deals["account"].notna().to_numpy()
    return written(deals, "account", where, deals["account"][where].map(group).to_numpy())


def to_pool(
    deals: pd.DataFrame, random: Random, when: str, share: float, pool: int
) -> tuple[str, pd.DataFrame]:
    """Give deals that close to one of a pool of agents."""
    where = getattr(Sides(deals), when) & lots(deals, random, share)
    names = np.array([f"Pool {n}" for n in range(pool)], dtype=object)
    return written(deals, "sales_agent", where, random.choice(names, int(where.sum())))


def closers(deals: pd.DataFrame, random: Random, share: float) -> tuple[str, pd.DataFrame]:
    """Give deals that are won to the closer of their office, who has deals of their own too."""
    where = Sides(deals).won & lots(deals, random, share)
    closer = deals.groupby("regional_office")["sales_agent"].min()
    return written(deals, "sales_agent", where, deals["regional_office"][where].map(closer).to_numpy())


def won_product(deals: pd.DataFrame, random: Random, share: float, skus: int) -> tuple[str, pd.DataFrame]:
    """Replace the product of won deals by one of many stock numbers."""
    where = Sides(deals).won & lots(deals, random, share)
    names = np.array([f"SKU {n:04d}" for n in range(skus)], dtype=object)
    return written(deals, "product", where, random.choice(names, int(where.sum())))


def lead_names(deals: pd.DataFrame, random: Random, when: str, share: float) -> tuple[str, pd.DataFrame]:
    """Give each deal a lead's name of its own until it closes, or until it is won."""
    where = ~getattr(Sides(deals), when) & lots(deals, random, share)
    names = np.array([f"Lead {n}" for n in random.integers(10_000, 99_999, len(deals))], dtype=object)
    return written(deals, "account", where, names[where])


def own_placeholders(deals: pd.DataFrame, random: Random, share: float) -> tuple[str, pd.DataFrame]:
    """Write placeholders that no list knows until the deal closes."""
    words = ["account follows", "zz-dummy-1", "Musterfirma", "wird nachgetragen", "ACME TEMP", "see notes"]
    words += [f"TMP{n:03d}" for n in range(200)]
    where = Sides(deals).open & lots(deals, random, share)
    return written(deals, "account", where, random.choice(np.array(words, dtype=object), int(where.sum())))


def trailing_blanks(deals: pd.DataFrame, random: Random, when: str, share: float) -> tuple[str, pd.DataFrame]:
    """Spell names with a blank at the end, or in lower case, when deals close."""
    where = getattr(Sides(deals), when) & lots(deals, random, share) & deals["sector"].notna().to_numpy()
    values = deals["sector"].astype(object).to_numpy()[where]
    spelled = [f"{v} " if n % 2 else v.capitalize() for n, v in enumerate(values)]
    return written(deals, "sector", where, np.array(spelled, dtype=object))


def noisy_customers(deals: pd.DataFrame, random: Random, accounts: int) -> tuple[str, pd.DataFrame]:
    """Keep the revenue of most customers, and of a few others."""
    account = random.integers(0, accounts, len(deals))
    customer = np.isin(np.arange(accounts), account[Sides(deals).won])
    known = np.where(customer, random.random(accounts) < 0.9, random.random(accounts) < 0.1)
    revenue = np.round(random.lognormal(6, 1, accounts), 1)
    names = np.array([f"Account {number}" for number in account], dtype=object)
    changed = deals.assign(account=names)
    return "account_revenue", changed.assign(
        account_revenue=np.where(known[account], revenue[account], np.nan)
    )


def parent_of_won(deals: pd.DataFrame, random: Random, share: float) -> tuple[str, pd.DataFrame]:
    """Fill in the parent company of deals that are won."""
    sides, drawn = Sides(deals), random.random(len(deals))
    there = np.where(sides.won, drawn < share, drawn < 0.1)
    parent = pd.Series("Group", deals.index, dtype=object).where(there, None)
    return "account_parent", deals.assign(account_parent=parent)


def default_year(deals: pd.DataFrame, random: Random, share: float) -> tuple[str, pd.DataFrame]:
    """Show 1900 as the account's year until the deal closes."""
    where = Sides(deals).open & lots(deals, random, share)
    return written(deals, "account_year_established", where, 1900)


def exact_when_won(deals: pd.DataFrame, random: Random, share: float) -> tuple[str, pd.DataFrame]:
    """Estimate the head count in hundreds until the deal is won."""
    where = Sides(deals).won & lots(deals, random, share)
    heads = np.maximum(deals["account_employees"].to_numpy(dtype="float64"), 100)
    return "account_employees", deals.assign(
        account_employees=np.where(where, heads + random.integers(1, 99, len(deals)), np.round(heads, -2))
    )


def enriched(deals: pd.DataFrame, random: Random, share: float) -> tuple[str, pd.DataFrame]:
    """Fill in a missing sector at closing, and of open deals some more every month."""
    sides = Sides(deals)
    months = (deals["close_date"].max() - deals["engage_date"]).dt.days.fillna(0).to_numpy() / 30
    hidden = lots(deals, random, share) & (random.random(len(deals)) > 1 - 0.93**months)
    return written(deals, "sector", sides.open & hidden, None)


def optional(
    deals: pd.DataFrame,
    random: Random,
    column: str,
    values: list[object],
    won: list[float],
    lost: list[float],
) -> tuple[str, pd.DataFrame]:
    """Make an optional column of random values that closing replaces by others, drawn with given weights."""
    sides, size = Sides(deals), len(deals)
    start = random.choice(np.array(values, dtype=object), size, p=np.full(len(values), 1 / len(values)))
    for where, weights in ((sides.won, won), (sides.lost, lost)):
        changed = where & lots(deals, random, 0.6)
        drawn = random.choice(np.array(values, dtype=object), size, p=np.array(weights) / sum(weights))
        start = np.where(changed, drawn, start)
    made = pd.Series(start, deals.index)
    return column, deals.assign(**{column: made.astype("float64") if isinstance(values[0], float) else made})


def amount_known_when(
    deals: pd.DataFrame, random: Random, when: str, share: float
) -> tuple[str, pd.DataFrame]:
    """Enter the amount of a deal when it closes."""
    there = getattr(Sides(deals), when) | ~lots(deals, random, share)
    amount = np.round(deals["list_price"].to_numpy(dtype="float64") * random.lognormal(0, 0.3, len(deals)), 2)
    return "amount", deals.assign(amount=np.where(there, amount, np.nan))


def reason_of_loss(deals: pd.DataFrame, random: Random, share: float) -> tuple[str, pd.DataFrame]:
    """Write one of many reasons of loss into the forecast category."""
    sides = Sides(deals)
    values = random.choice(np.array(["pipeline", "best case", "commit"], dtype=object), len(deals))
    reasons = np.array([f"reason {n}" for n in range(120)], dtype=object)
    where = sides.lost & lots(deals, random, share)
    return "forecast_category", deals.assign(
        forecast_category=np.where(where, random.choice(reasons, len(deals)), values)
    )


MORE_LEAKS: tuple[Kind, ...] = (
    kind_of("manager or office unassigned while open", two_together, 0.3),
    kind_of("manager or office unassigned while open, weak", two_together, 0.12),
    kind_of("amount becomes the deal's own value", own_value, "amount", 0.0),
    kind_of("amount becomes the own value of half of the deals", own_value, "amount", 0.5),
    kind_of("price becomes the own value of 30 % of the deals", own_value, "list_price", 0.7),
    kind_of("revenue becomes 0 when lost", number_when_lost, "account_revenue", 0.0, 0.5),
    kind_of("employees become -1 when lost", number_when_lost, "account_employees", -1.0, 0.3),
    kind_of("price becomes 0 when lost", number_when_lost, "list_price", 0.0, 0.3),
    kind_of("sector becomes the day of closing", close_date_as_text, 0.3),
    kind_of("sector becomes the day of closing, weak", close_date_as_text, 0.12),
    kind_of("sectors split at closing", split, "sector", "closed", 0.5),
    kind_of("products split at winning", split, "product", "won", 0.4),
    kind_of("accounts split at winning", split, "account", "won", 0.3),
    kind_of("account missing while open in one office", in_one_office),
    kind_of("agent becomes Desk at closing, from mid-year on", from_a_month_on, "sales_agent", "Desk", 0.5),
    kind_of("sector removed at closing, in the last quarter", from_a_month_on, "sector", None, 0.75),
    kind_of("account required at closing, of later deals", hidden_from_a_month_on),
    kind_of("sector rewritten for large deals that are won", of_large_deals, "won"),
    kind_of("sector rewritten for large deals that close", of_large_deals, "closed"),
    kind_of("account merged 30 days after winning", merged_after, 30),
    kind_of("account merged 100 days after winning", merged_after, 100),
    kind_of("lost deals go to a pool of 6", to_pool, "lost", 0.5, 6),
    kind_of("lost deals go to a pool of 40", to_pool, "lost", 0.5, 40),
    kind_of("closed deals go to a pool of 80", to_pool, "closed", 0.3, 80),
    kind_of("won deals go to the closer of the office", closers, 0.4),
    kind_of("won deals go to the closer of the office, weak", closers, 0.2),
    kind_of("product of the won becomes one of 20 numbers", won_product, 0.3, 20),
    kind_of("product of the won becomes one of 400 numbers", won_product, 0.3, 400),
    kind_of("leads have names of their own until closing", lead_names, "closed", 0.4),
    kind_of("leads have names of their own until winning", lead_names, "won", 0.3),
    kind_of("placeholders of no list while open", own_placeholders, 0.4),
    kind_of("sector respelled with blanks at closing", trailing_blanks, "closed", 0.4),
    kind_of("sector respelled with blanks at losing", trailing_blanks, "lost", 0.5),
    kind_of("revenue of most customers, 2,000 accounts", noisy_customers, 2_000),
    kind_of("revenue of most customers, 6,000 accounts", noisy_customers, 6_000),
    kind_of("parent known of the won", parent_of_won, 0.5),
    kind_of("year 1900 while open", default_year, 0.4),
    kind_of("head count exact once won", exact_when_won, 0.4),
    kind_of("sector filled in at closing, and slowly before", enriched, 0.9),
    kind_of(
        "forecast category set at closing",
        optional,
        "forecast_category",
        ["best", "commit", "omitted"],
        [0.2, 0.7, 0.1],
        [0.1, 0.1, 0.8],
    ),
    kind_of(
        "probability set at closing",
        optional,
        "crm_probability",
        [0.1, 0.3, 0.5, 0.7, 1.0],
        [0, 0, 0, 0, 1.0],
        [1.0, 0, 0, 0, 0],
    ),
    kind_of("pipeline moved at losing", optional, "pipeline", ["New", "Renewal"], [0.5, 0.5], [0.9, 0.1]),
    kind_of("amount entered at closing", amount_known_when, "closed", 0.5),
    kind_of("amount entered at winning", amount_known_when, "won", 0.3),
    kind_of("forecast category holds reasons of loss", reason_of_loss, 0.4),
)

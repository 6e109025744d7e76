"""Ways in which a CRM or its business changes from a month on, and the column that a report must name.

Each takes the raw tables as data frames, the month and a random generator, and returns the raw tables as they
are dumped from that month on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crm_assets.crm.months import month_end, month_start, shift
from dev.drift_world import Raw

Random = np.random.Generator
DEALS, ACCOUNTS, PRODUCTS, TEAMS = "raw_sales_pipeline", "raw_accounts", "raw_products", "raw_sales_teams"
# Whoever has at least this share of the deals is worth a scenario.
COMMON = 0.03


@dataclass(frozen=True)
class Scenario:
    """A change that begins in a month.

    Attributes:
        name: in words.
        columns: the report names the right column if it names one of these.
        make: returns the raw tables from then on.
        asked: whether the project was asked for it; the others are ours.
        weak: whether chance can hide it at the size of the real dump.
    """

    name: str
    columns: tuple[str, ...]
    make: Callable[[Raw, str, Random], Raw]
    asked: bool = True
    weak: bool = False


def new(deals: pd.DataFrame, month: str) -> pd.Series:
    """Return which deals were engaged from a month on."""
    return pd.to_datetime(deals["engage_date"]) >= pd.Timestamp(month_start(month))


def closing(deals: pd.DataFrame, month: str) -> pd.Series:
    """Return which deals closed from a month on."""
    return pd.to_datetime(deals["close_date"]) >= pd.Timestamp(month_start(month))


def common(deals: pd.DataFrame, column: str, random: Random) -> str:
    """Draw one of the values that are common enough."""
    shares = deals[column].value_counts(normalize=True)
    return str(random.choice(sorted(shares[shares >= COMMON].index)))


def copied(deals: pd.DataFrame, which: pd.Series) -> pd.DataFrame:
    """Return the deals with copies of some of them, under new ids."""
    more = deals[which].assign(opportunity_id=deals.loc[which, "opportunity_id"] + "-COPY")
    both = pd.concat([deals, more], ignore_index=True)
    return both.assign(source_row=np.arange(2, len(both) + 2))


def book_doubles(raw: Raw, month: str, random: Random) -> Raw:
    """An agent has twice as many deals: all that are open, and all new ones."""
    deals = raw[DEALS]
    agent = common(deals, "sales_agent", random)
    over = pd.to_datetime(deals["close_date"]) < pd.Timestamp(month_start(month))
    return {**raw, DEALS: copied(deals, ~over & (deals["sales_agent"] == agent))}


def agent_doubles(raw: Raw, month: str, random: Random) -> Raw:
    """An agent takes on twice as many new deals."""
    deals = raw[DEALS]
    agent = common(deals, "sales_agent", random)
    return {**raw, DEALS: copied(deals, new(deals, month) & (deals["sales_agent"] == agent))}


def prices_shift(raw: Raw, month: str, random: Random) -> Raw:
    """All prices rise by a quarter: list prices, and what is won from then on."""
    deals, products = raw[DEALS], raw[PRODUCTS]
    value = deals["close_value"].where(~closing(deals, month), (deals["close_value"] * 1.25).round())
    return {
        **raw,
        DEALS: deals.assign(close_value=value),
        PRODUCTS: products.assign(sales_price=(products["sales_price"] * 1.25).round()),
    }


def discounts(raw: Raw, month: str, random: Random) -> Raw:
    """What is won brings a fifth less; the price list stays."""
    deals = raw[DEALS]
    value = deals["close_value"].where(~closing(deals, month), (deals["close_value"] * 0.8).round())
    return {**raw, DEALS: deals.assign(close_value=value)}


def product_disappears(raw: Raw, month: str, random: Random) -> Raw:
    """No new deals of a product."""
    deals = raw[DEALS]
    product = common(deals, "product", random)
    return {**raw, DEALS: deals[~(new(deals, month) & (deals["product"] == product))]}


def sector_spelled(raw: Raw, month: str, random: Random) -> Raw:
    """A sector has another spelling in the list of accounts."""
    accounts = raw[ACCOUNTS]
    sector = str(random.choice(sorted(accounts["sector"].dropna().unique())))
    return {**raw, ACCOUNTS: accounts.assign(sector=accounts["sector"].replace({sector: sector.upper()}))}


def closings_slow(raw: Raw, month: str, random: Random) -> Raw:
    """Every second deal that would have closed stays open."""
    deals = raw[DEALS]
    late = closing(deals, month) & (random.random(len(deals)) < 0.5)
    return {**raw, DEALS: reopened(deals, late)}


def reopened(deals: pd.DataFrame, which: pd.Series) -> pd.DataFrame:
    """Return the deals with some of them open."""
    return deals.assign(
        deal_stage=deals["deal_stage"].mask(which, "Engaging"),
        close_date=deals["close_date"].mask(which),
        close_value=deals["close_value"].mask(which),
    )


def labels_flip(raw: Raw, month: str, random: Random) -> Raw:
    """Won and lost are exchanged."""
    deals = raw[DEALS]
    flipped = closing(deals, month)
    other = deals["deal_stage"].map({"Won": "Lost", "Lost": "Won"})
    typical = deals.loc[deals["deal_stage"] == "Won", "close_value"].median()
    value = (
        deals["close_value"].mask(flipped & (other == "Won"), typical).mask(flipped & (other == "Lost"), 0)
    )
    stage = deals["deal_stage"].mask(flipped, other)
    return {**raw, DEALS: deals.assign(deal_stage=stage, close_value=value)}


def region_merged(raw: Raw, month: str, random: Random) -> Raw:
    """Two offices become one."""
    teams = raw[TEAMS]
    one, other = random.choice(sorted(teams["regional_office"].dropna().unique()), 2, replace=False)
    return {**raw, TEAMS: teams.assign(regional_office=teams["regional_office"].replace({one: other}))}


def account_not_recorded(raw: Raw, month: str, random: Random) -> Raw:
    """New deals have no account."""
    deals = raw[DEALS]
    return {**raw, DEALS: deals.assign(account=deals["account"].mask(new(deals, month)))}


def revenue_not_recorded(raw: Raw, month: str, random: Random) -> Raw:
    """The list of accounts has no revenue any more."""
    return {**raw, ACCOUNTS: raw[ACCOUNTS].assign(revenue=np.nan)}


def units_change(raw: Raw, month: str, random: Random) -> Raw:
    """The revenue of accounts is in thousands instead of millions."""
    accounts = raw[ACCOUNTS]
    return {**raw, ACCOUNTS: accounts.assign(revenue=accounts["revenue"] * 1000)}


def default_value(raw: Raw, month: str, random: Random) -> Raw:
    """A form fills in one product unless somebody changes it: a fifth of new deals have it."""
    deals = raw[DEALS]
    where = new(deals, month) & (random.random(len(deals)) < 0.2)
    return {
        **raw,
        DEALS: deals.assign(product=deals["product"].mask(where, common(deals, "product", random))),
    }


def new_agent(raw: Raw, month: str, random: Random) -> Raw:
    """Somebody new gets a twentieth of the new deals."""
    deals, teams = raw[DEALS], raw[TEAMS]
    where = new(deals, month) & (random.random(len(deals)) < 0.05)
    joined = pd.concat([teams, teams.head(1).assign(sales_agent="Somebody New")], ignore_index=True)
    joined = joined.assign(source_row=np.arange(2, len(joined) + 2))
    return {
        **raw,
        DEALS: deals.assign(sales_agent=deals["sales_agent"].mask(where, "Somebody New")),
        TEAMS: joined,
    }


def imported_twice(raw: Raw, month: str, random: Random) -> Raw:
    """Every new deal is there twice."""
    deals = raw[DEALS]
    return {**raw, DEALS: copied(deals, new(deals, month))}


def entered_on_fridays(raw: Raw, month: str, random: Random) -> Raw:
    """New deals are entered at the end of their week."""
    deals = raw[DEALS]
    day = pd.to_datetime(deals["engage_date"])
    friday = day + pd.to_timedelta((4 - day.dt.weekday) % 7, unit="D")
    limit = pd.to_datetime(deals["close_date"]).fillna(friday)
    moved = new(deals, month) & (friday <= limit) & (friday <= pd.Timestamp(month_end(shift(month, 24))))
    return {**raw, DEALS: deals.assign(engage_date=day.mask(moved, friday).dt.date)}


def old_deals_purged(raw: Raw, month: str, random: Random) -> Raw:
    """Somebody closes the deals that have been open for long as lost."""
    deals = raw[DEALS]
    engaged = pd.to_datetime(deals["engage_date"])
    stale = (deals["deal_stage"] == "Engaging") & (engaged < pd.Timestamp(month_start(shift(month, -1))))
    purged = stale & engaged.notna()
    return {
        **raw,
        DEALS: deals.assign(
            deal_stage=deals["deal_stage"].mask(purged, "Lost"),
            close_date=deals["close_date"].mask(purged, month_end(month)),
            close_value=deals["close_value"].mask(purged, 0.0),
        ),
    }


def accounts_moved(raw: Raw, month: str, random: Random) -> Raw:
    """The new deals are those of larger customers."""
    deals, accounts = raw[DEALS], raw[ACCOUNTS]
    large = accounts.nlargest(max(len(accounts) // 4, 1), "revenue")["account"].to_numpy()
    where = new(deals, month) & deals["account"].notna() & (random.random(len(deals)) < 0.3)
    account = deals["account"].astype(object).to_numpy().copy()
    account[where.to_numpy()] = random.choice(large, int(where.sum()))
    return {**raw, DEALS: deals.assign(account=account)}


FRIDAYS = ("engage_date", "engage_day_of_week")
RATIO = "close_value per sales_price"
AGENT = ("sales_agent", "agent_open_deals")
SCENARIOS = (
    Scenario("an agent's deals double", AGENT, book_doubles),
    Scenario("an agent's new deals double", AGENT, agent_doubles, weak=True),
    Scenario("prices rise by a quarter", ("sales_price", "list_price", "close_value", RATIO), prices_shift),
    Scenario("a product disappears", ("product",), product_disappears),
    Scenario("a sector's spelling changes", ("sector",), sector_spelled),
    Scenario("closings slow down by half", ("close_date",), closings_slow),
    Scenario("labels flip", ("deal_stage", "won_next_month", "close_value"), labels_flip),
    Scenario("a region is merged", ("regional_office",), region_merged),
    Scenario("new deals have no account", ("account", "has_account"), account_not_recorded),
    Scenario("accounts have no revenue", ("revenue", "account_revenue"), revenue_not_recorded),
    Scenario("discounts of a fifth", ("close_value", RATIO), discounts, asked=False),
    Scenario("another unit of revenue", ("revenue", "account_revenue"), units_change, asked=False),
    Scenario("a product is filled in by default", ("product",), default_value, asked=False),
    Scenario("a new agent", ("sales_agent",), new_agent, asked=False),
    Scenario("new deals imported twice", ("engage_date",), imported_twice, asked=False),
    Scenario("deals entered on Fridays", FRIDAYS, entered_on_fridays, asked=False),
    Scenario("old deals purged as lost", ("close_date", "deal_stage"), old_deals_purged, asked=False),
    Scenario("larger customers", ("account", "revenue", "account_revenue"), accounts_moved, asked=False),
)

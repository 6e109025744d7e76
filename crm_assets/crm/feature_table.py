"""The features, one row each: name, type, unit, meaning, expression, bounds, and words for sales people."""

from __future__ import annotations

import calendar

from crm_assets.crm.feature import Feature
from crm_assets.crm.targets import DEFAULT_TARGET, TARGETS


def _counted(number: float, thing: str) -> str:
    """Return a number with its noun.

    >>> _counted(1, "day"), _counted(1200, "deal")
    ('1 day', '1,200 deals')
    """
    return f"{number:,.0f} {thing}{'' if number == 1 else 's'}"


def _percent(share: float) -> str:
    return f"{share:.0%}".replace("%", " %")


FEATURES: tuple[Feature, ...] = (
    Feature(
        name="product",
        dtype="category",
        description="Product, as the price list spells it.",
        nullable=False,
        expression=lambda known: known.deal.product,
        label=lambda name: f"product {name}",
    ),
    Feature(
        name="product_series",
        dtype="category",
        description="Series of the product.",
        expression=lambda known: known.deal.product_series,
        label=lambda name: f"product of the {name} series",
        missing="product without a series",
    ),
    Feature(
        name="list_price",
        dtype="float64",
        unit="USD",
        description="List price of the product.",
        expression=lambda known: known.deal.list_price,
        bounds=(0, None),
        label=lambda price: f"list price of {price:,.0f} USD",
        missing="product without a list price",
    ),
    Feature(
        name="sales_agent",
        dtype="category",
        description="Agent who works on the deal.",
        nullable=False,
        expression=lambda known: known.deal.sales_agent,
        label=lambda name: f"{name} works on it",
    ),
    Feature(
        name="manager",
        dtype="category",
        description="The agent's manager.",
        expression=lambda known: known.deal.manager,
        label=lambda name: f"{name} manages the agent",
        missing="agent without a manager",
    ),
    Feature(
        name="regional_office",
        dtype="category",
        description="The agent's office.",
        expression=lambda known: known.deal.regional_office,
        label=lambda name: f"agent of the {name} office",
        missing="agent without an office",
    ),
    Feature(
        name="sector",
        dtype="category",
        description="Industry of the account.",
        expression=lambda known: known.deal.sector,
        label=lambda name: f"account in {name}",
        missing="account's industry unknown",
    ),
    Feature(
        name="account_revenue",
        dtype="float64",
        unit="million USD",
        description="Yearly revenue of the account.",
        expression=lambda known: known.deal.account_revenue,
        bounds=(0, None),
        label=lambda millions: f"account with {millions:,.0f} million USD a year",
        missing="account's revenue unknown",
    ),
    Feature(
        name="account_employees",
        dtype="float64",
        unit="heads",
        description="Head count of the account.",
        expression=lambda known: known.deal.account_employees,
        bounds=(0, None),
        label=lambda heads: f"account with {_counted(heads, 'employee')}",
        missing="account's head count unknown",
    ),
    Feature(
        name="account_age_years",
        dtype="float64",
        unit="years",
        description="Year of the snapshot month minus the year the account was established.",
        expression=lambda known: (known.month.year - known.deal.account_year_established).cast("float64"),
        # A current dump includes accounts founded after an early month, so the age may be negative.
        bounds=(None, None),
        label=lambda years: f"account founded {_counted(years, 'year')} ago",
        missing="account's age unknown",
    ),
    Feature(
        name="is_subsidiary",
        dtype="boolean",
        description="Whether the account has a parent company.",
        nullable=False,
        expression=lambda known: known.deal.account_parent.notnull(),
        label=lambda yes: "account belongs to a parent company" if yes else "account has no parent company",
    ),
    Feature(
        name="has_account",
        dtype="boolean",
        description="Whether an account is recorded.",
        nullable=False,
        expression=lambda known: known.deal.account.notnull(),
        label=lambda yes: "account recorded" if yes else "no account recorded",
    ),
    Feature(
        name="days_open",
        dtype="int64",
        unit="days",
        description="Month end minus engage date.",
        nullable=False,
        expression=lambda known: known.days_open,
        bounds=(0, None),
        label=lambda days: f"open for {_counted(days, 'day')}",
    ),
    Feature(
        name="engage_day_of_week",
        dtype="int64",
        unit="0 = Monday",
        description="Weekday of the engage date.",
        nullable=False,
        expression=lambda known: known.deal.engage_date.day_of_week.index().cast("int64"),
        bounds=(0, 6),
        label=lambda day: f"engaged on a {calendar.day_name[int(day)]}",
    ),
    Feature(
        name="month_of_quarter",
        dtype="int64",
        unit="1 to 3",
        description="Position of the predicted month in its quarter.",
        nullable=False,
        expression=lambda known: known.month.month_of_quarter,
        bounds=(1, 3),
        label=lambda place: f"{('first', 'second', 'last')[int(place) - 1]} month of the quarter",
    ),
    Feature(
        name="days_open_vs_median_cycle",
        dtype="float64",
        unit="ratio",
        description="days_open divided by the median cycle of the deals closed as of the month; "
        "null while no deal is closed.",
        expression=lambda known: known.days_open / known.median_cycle,
        bounds=(0, None),
        label=lambda ratio: f"open for {_percent(ratio)} of the usual cycle",
        missing="usual cycle unknown",
    ),
    Feature(
        name="agent_win_rate",
        dtype="float64",
        unit="0 to 1",
        description="Smoothed win rate of the agent: (wins + 20 x base rate) / (closed + 20), as of the "
        "month; null while no deal is closed.",
        expression=lambda known: known.record_of("sales_agent").win_rate,
        bounds=(0, 1),
        label=lambda rate: f"agent wins {_percent(rate)} of closed deals",
        missing="no deal closed yet",
    ),
    Feature(
        name="agent_closed_deals",
        dtype="int64",
        unit="deals",
        description="Deals that the agent has closed.",
        nullable=False,
        expression=lambda known: known.record_of("sales_agent").closed,
        bounds=(0, None),
        label=lambda deals: f"agent has closed {_counted(deals, 'deal')}",
    ),
    Feature(
        name="agent_open_deals",
        dtype="int64",
        unit="deals",
        description="The agent's open deals, including this one.",
        nullable=False,
        expression=lambda known: known.record_of("sales_agent").open,
        bounds=(1, None),
        label=lambda deals: f"agent works on {_counted(deals, 'open deal')}",
    ),
    Feature(
        name="product_win_rate",
        dtype="float64",
        unit="0 to 1",
        description="Smoothed win rate of the product, as for the agent.",
        expression=lambda known: known.record_of("product").win_rate,
        bounds=(0, 1),
        label=lambda rate: f"{_percent(rate)} of the product's closed deals are won",
        missing="no deal closed yet",
    ),
    Feature(
        name="product_open_deals",
        dtype="int64",
        unit="deals",
        description="Open deals of the product, including this one.",
        nullable=False,
        expression=lambda known: known.record_of("product").open,
        bounds=(1, None),
        label=lambda deals: f"{_counted(deals, 'open deal')} of the product",
    ),
    Feature(
        name="account_win_rate",
        dtype="float64",
        unit="0 to 1",
        description="Smoothed win rate of the account, as for the agent; null without an account.",
        expression=lambda known: known.record_of("account").win_rate,
        bounds=(0, 1),
        label=lambda rate: f"{_percent(rate)} of the account's closed deals are won",
        missing="account's win rate unknown",
    ),
    Feature(
        name="account_closed_deals",
        dtype="int64",
        unit="deals",
        description="Deals closed with the account; null without an account.",
        expression=lambda known: known.record_of("account").closed,
        bounds=(0, None),
        label=lambda deals: f"{_counted(deals, 'deal')} closed with the account",
        missing="no account recorded",
    ),
)

FEATURE_NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
LABELS = tuple(target.column for target in TARGETS)
LABEL = next(label for label in LABELS if label.name == DEFAULT_TARGET.name)


def feature(name: str) -> Feature:
    """Return the feature with this name.

    Raises:
        KeyError: there is no such feature.
    """
    return {row.name: row for row in FEATURES}[name]

"""The 23 features: name, type, unit, meaning, and the raw columns that each is made from."""

from __future__ import annotations

from dataclasses import dataclass

from crm_assets.crm.schema import Column
from crm_assets.crm.targets import DEFAULT_TARGET


@dataclass(frozen=True)
class Feature(Column):
    """A feature, and the columns of `opportunities` whose values or missingness it shows."""

    sources: tuple[str, ...] = ()


FEATURES: tuple[Feature, ...] = (
    Feature("product", "category", "Product, name normalised.", nullable=False, sources=("product",)),
    Feature("product_series", "category", "Series of the product.", sources=("product",)),
    Feature("list_price", "float64", "List price of the product.", "USD", False, ("product",)),
    Feature("sales_agent", "category", "Agent who works on the deal.", "", False, ("sales_agent",)),
    Feature("manager", "category", "The agent's manager.", sources=("sales_agent",)),
    Feature("regional_office", "category", "The agent's office.", sources=("sales_agent",)),
    Feature("sector", "category", "Industry of the account.", sources=("account",)),
    Feature(
        "account_revenue", "float64", "Yearly revenue of the account.", "million USD", sources=("account",)
    ),
    Feature("account_employees", "float64", "Head count of the account.", "heads", sources=("account",)),
    Feature(
        "account_age_years",
        "float64",
        "Year of the snapshot month minus the year the account was established.",
        "years",
        sources=("account",),
    ),
    Feature("is_subsidiary", "boolean", "Whether the account has a parent company.", "", False, ("account",)),
    Feature("has_account", "boolean", "Whether an account is recorded.", "", False, ("account",)),
    Feature("days_open", "int64", "Month end minus engage date.", "days", False, ("engage_date",)),
    Feature(
        "engage_day_of_week",
        "int64",
        "Weekday of the engage date.",
        "0 = Monday",
        False,
        ("engage_date",),
    ),
    Feature(
        "month_of_quarter",
        "int64",
        "Position in its quarter of the month that is predicted.",
        "1 to 3",
        False,
    ),
    Feature(
        "days_open_vs_median_cycle",
        "float64",
        "days_open over the median cycle of the deals closed as of the month; null while none is closed.",
        "ratio",
        sources=("engage_date",),
    ),
    Feature(
        "agent_win_rate",
        "float64",
        "Smoothed win rate of the agent: (wins + 20 x base rate) / (closed + 20), as of the month; "
        "null while no deal is closed.",
        "0 to 1",
        sources=("sales_agent",),
    ),
    Feature("agent_closed_deals", "int64", "Deals the agent has closed.", "deals", False, ("sales_agent",)),
    Feature(
        "agent_open_deals",
        "int64",
        "The agent's open deals, this one too.",
        "deals",
        False,
        ("sales_agent",),
    ),
    Feature(
        "product_win_rate",
        "float64",
        "Smoothed win rate of the product, as for the agent.",
        "0 to 1",
        sources=("product",),
    ),
    Feature(
        "product_open_deals",
        "int64",
        "Open deals of the product, this one too.",
        "deals",
        False,
        ("product",),
    ),
    Feature(
        "account_win_rate",
        "float64",
        "Smoothed win rate of the account, as for the agent; null without an account.",
        "0 to 1",
        sources=("account",),
    ),
    Feature(
        "account_closed_deals",
        "int64",
        "Deals closed with the account; null without an account.",
        "deals",
        sources=("account",),
    ),
)

FEATURE_NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
LABEL = DEFAULT_TARGET.column

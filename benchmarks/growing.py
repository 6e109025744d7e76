"""Seeded synthetic companies that grow, shrink or stay: other shapes than the sample, to measure forecasts.

They differ from the sample on purpose: more months, deals that grow by a few percent a month, agents who join
over the years, a lognormal cycle, a yearly instead of a quarterly season, and no late first closing month.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

FIRST_DAY, DAYS = date(2021, 7, 1), 914
MEDIAN_CYCLE, SPREAD, NEVER, PROSPECTING = 40.0, 0.7, 0.15, 0.03
PRODUCTS = (("Basic", "Desk", 300.0), ("Plus", "Desk", 1200.0), ("Pro", "Floor", 4000.0))
PRODUCTS += (("Max", "Floor", 9000.0),)
SHARES = (0.45, 0.3, 0.2, 0.05)
# Relative speed of closing by calendar month: slow summers and a busy year's end; each quarter's end; none.
YEARLY = (0.8, 0.9, 1.0, 1.0, 1.0, 1.0, 0.6, 0.6, 1.0, 1.1, 1.2, 1.4)
QUARTERLY, STEADY = (0.4, 1.0, 1.5) * 4, (1.0,) * 12
ACCOUNTS, AGENTS = 120, 24


@dataclass(frozen=True)
class Company:
    """What makes one company differ from another.

    Attributes:
        growth: relative growth of new deals a month.
        speed: relative speed of closing by calendar month.
        days: how many days its CRM covers.
        deals: how many deals.
        seed: the same seed gives the same files.
    """

    growth: float = 0.05
    speed: tuple[float, ...] = YEARLY
    days: int = DAYS
    deals: int = 7_000
    seed: int = 5


def write_growing(folder: Path, company: Company = Company()) -> Path:
    """Write a company's CRM as the CSV files of a dump.

    Args:
        folder: where to write the files; made if needed.
        company: the company.
    """
    deals, last = company.deals, company.days
    random = np.random.default_rng(company.seed)
    folder.mkdir(parents=True, exist_ok=True)
    day = np.arange(last)
    weight = (1 + company.growth) ** (day / 30.4)
    engage = np.sort(random.choice(day, deals, p=weight / weight.sum()))
    engage[0], engage[-1] = 0, last - 1
    joined = np.linspace(-200, last - 120, AGENTS).clip(0).astype(int)
    agent = np.array([random.integers(0, (joined <= start).sum()) for start in engage])
    product = random.choice(len(PRODUCTS), deals, p=SHARES)
    close = _closings(random, company, engage, product, random.normal(0, 0.25, AGENTS)[agent])
    never = random.random(deals) < NEVER * random.uniform(0.3, 1.7, AGENTS)[agent]
    closed = ~never & (close < last)
    skill = random.normal(0, 0.1, AGENTS)[agent] + np.linspace(0.08, -0.12, len(PRODUCTS))[product]
    won = closed & (random.random(deals) < 0.55 + skill)
    prospect = ~closed & (random.random(deals) < PROSPECTING / NEVER)
    stage = np.select([won, closed, prospect], ["Won", "Lost", "Prospecting"], "Engaging")
    price = np.array([row[2] for row in PRODUCTS])[product]
    value = np.where(won, (price * random.lognormal(-0.1, 0.3, deals)).round().clip(1), 0)
    days = np.array([FIRST_DAY + timedelta(days=int(d)) for d in range(2 * last)])
    pipeline = pd.DataFrame(
        {
            "opportunity_id": [f"G{number:07d}" for number in random.permutation(deals)],
            "sales_agent": [f"Seller {number:03d}" for number in agent],
            "product": [PRODUCTS[number][0] for number in product],
            "account": [f"Firm {number:03d}" for number in random.integers(0, ACCOUNTS, deals)],
            "deal_stage": stage,
            "engage_date": np.where(prospect, None, days[engage]),
            "close_date": np.where(closed, days[np.minimum(close, 2 * last - 1)], None),
            # Open deals have no value.
            "close_value": np.where(closed, value, np.nan),
        }
    )
    pipeline.to_csv(folder / "sales_pipeline.csv", index=False)
    products = pd.DataFrame(PRODUCTS, columns=pd.Index(["product", "series", "sales_price"]))
    products.to_csv(folder / "products.csv", index=False)
    teams = {
        "sales_agent": [f"Seller {number:03d}" for number in range(AGENTS)],
        "manager": [f"Lead {number // 6}" for number in range(AGENTS)],
        "regional_office": [("North", "South")[number // 12] for number in range(AGENTS)],
    }
    pd.DataFrame(teams).to_csv(folder / "sales_teams.csv", index=False)
    accounts = {
        "account": [f"Firm {number:03d}" for number in range(ACCOUNTS)],
        "sector": [("retail", "medical", "software")[number % 3] for number in range(ACCOUNTS)],
        "year_established": random.integers(1980, 2020, ACCOUNTS),
        "revenue": random.lognormal(6, 1, ACCOUNTS).round(2),
        "employees": random.integers(10, 9_000, ACCOUNTS),
        "office_location": "Country A",
        "subsidiary_of": None,
    }
    pd.DataFrame(accounts).to_csv(folder / "accounts.csv", index=False)
    return folder


def _closings(
    random: np.random.Generator,
    company: Company,
    engage: np.ndarray,
    product: np.ndarray,
    pace: np.ndarray,
) -> np.ndarray:
    """Return the day on which each deal would close: its cycle in days of the season's speed."""
    most = 4 * company.days
    month = np.array([(FIRST_DAY + timedelta(days=d)).month for d in range(most)])
    clock = np.concatenate([[0.0], np.cumsum(np.array(company.speed)[month - 1])])
    cycle = random.lognormal(np.log(MEDIAN_CYCLE), SPREAD, len(engage))
    cycle *= np.exp(pace) * np.linspace(0.8, 1.6, len(PRODUCTS))[product]
    return np.searchsorted(clock, clock[engage] + cycle).clip(max=most - 1)


if __name__ == "__main__":
    write_growing(Path(sys.argv[1]))

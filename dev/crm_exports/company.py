"""A made-up company whose deals, people and prices every CRM can hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from crm_assets.crm.schema import RAW_ACCOUNTS, RAW_PRODUCTS, RAW_SALES_PIPELINE, RAW_SALES_TEAMS, Stage
from crm_assets.sources.sample import LAST_DAY, SyntheticSample

STAGES = ("Qualify", "Develop", "Propose", "Close")
CHANCES = (0.2, 0.4, 0.6, 0.8)
WON_STAGE, LOST_STAGE = "Won", "Lost"
# Names as people have them: other letters, signs that CSV files must quote, names that differ in one sign.
AGENTS = {0: "Zoë Müller", 1: "O'Neill, Pat", 2: "José Álvarez", 3: 'Ann "Ace" Lee'}
ACCOUNTS = {
    0: "Müller & Söhne; GmbH",
    1: "Acme, Inc.",
    2: 'The "Best" Co',
    3: "Crème Brûlée",
    4: "C#",
    5: "C++",
}


@dataclass(frozen=True)
class Company:
    """The facts of a company, one row per thing, numbered from 0.

    Attributes:
        deals: columns `agent`, `account` (-1 if none), `product`, `created`, `closed`, `expected` (dates or
            None), `outcome` (a Stage), `stage` (its place in `STAGES`), `amount`.
        agents: columns `name`, `manager`, `office`.
        accounts: columns `name`, `sector`, `country`, `revenue` in USD, `employees`, `founded`, `parent` (-1
            if none).
        products: columns `name`, `series`, `price`.
    """

    deals: pd.DataFrame
    agents: pd.DataFrame
    accounts: pd.DataFrame
    products: pd.DataFrame


def company(deals: int = 2_000, seed: int = 1) -> Company:
    """Make a company: the same arguments give the same one."""
    sample, random = SyntheticSample(deals, seed), np.random.default_rng([seed, 5])
    pipeline, teams, customers, prices = (
        sample.read(table).to_pandas()
        for table in (RAW_SALES_PIPELINE, RAW_SALES_TEAMS, RAW_ACCOUNTS, RAW_PRODUCTS)
    )
    place = {name: at for at, name in enumerate(customers["account"])}
    accounts = pd.DataFrame(
        {
            "name": [ACCOUNTS.get(at, name) for at, name in enumerate(customers["account"])],
            "sector": customers["sector"],
            "country": customers["office_location"],
            "revenue": (customers["revenue"] * 1e6).round(),
            "employees": customers["employees"],
            "founded": customers["year_established"],
            "parent": [place.get(name, -1) for name in customers["subsidiary_of"]],
        }
    )
    agents = pd.DataFrame(
        {
            "name": [AGENTS.get(at, name) for at, name in enumerate(teams["sales_agent"])],
            "manager": teams["manager"],
            "office": teams["regional_office"],
        }
    )
    products = pd.DataFrame(
        {"name": prices["product"], "series": prices["series"], "price": prices["sales_price"]}
    )
    facts = pd.DataFrame(
        {
            "agent": _places(pipeline["sales_agent"], teams["sales_agent"]),
            "account": [place.get(name, -1) for name in pipeline["account"]],
            "product": _places(pipeline["product"], prices["product"]),
            "created": [_created(at, random) for at in pipeline["engage_date"]],
            "closed": [at if isinstance(at, date) else None for at in pipeline["close_date"]],
            "outcome": pipeline["deal_stage"],
            "stage": random.integers(0, len(STAGES), deals),
        }
    )
    prospecting = facts["outcome"] == Stage.PROSPECTING
    facts.loc[prospecting, ["outcome", "stage"]] = [Stage.ENGAGING.value, 0]
    days = random.integers(1, 90, deals)
    open_ = facts["outcome"] == Stage.ENGAGING
    facts["expected"] = [
        LAST_DAY + timedelta(days=int(after)) if still else None
        for after, still in zip(days, open_, strict=True)
    ]
    ratio = np.round(random.normal(1, 0.1, deals).clip(0.6, 1.5), 2)
    listed = products["price"].to_numpy()[facts["product"]]
    won = (facts["outcome"] == Stage.WON).to_numpy()
    facts["amount"] = np.where(won, pipeline["close_value"], np.round(listed * ratio, 2))
    return Company(facts, agents, accounts, products)


def _places(names: pd.Series, listed: pd.Series) -> np.ndarray:
    places = {name: at for at, name in enumerate(listed)}
    return np.array([places[name] for name in names])


def _created(engaged: object, random: np.random.Generator) -> date:
    return engaged if isinstance(engaged, date) else LAST_DAY - timedelta(days=int(random.integers(1, 60)))

"""A seeded synthetic CRM of any size: shaped like a real one, with made-up names and numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import pyarrow as pa

from crm_assets.crm.months import MonthRange
from crm_assets.crm.schema import RawTable, Stage, as_given
from crm_assets.sources.quarantine import Sifted

FIRST_DAY, LAST_DAY = date(2022, 10, 1), date(2023, 12, 31)
FIRST_CLOSE = date(2023, 3, 1)
DAYS = (LAST_DAY - FIRST_DAY).days + 1

# Shares of all deals: those that do not close within the calendar, and those that never even engage.
STILL_OPEN, PROSPECTING = 0.22, 0.06
WON_OF_CLOSED = 0.63
WITHOUT_ACCOUNT = 0.02
MEDIAN_CYCLE, LONGEST_CYCLE = 45, 138
# Relative weight of a closing day by its month's place in the quarter: the first month is quiet.
SEASON = np.array([0.25, 1.0, 1.25])

PRODUCTS = (
    ("Product A Basic", "Series A", 550.0),
    ("Product A Pro", "Series A", 4821.0),
    ("Product A Plus", "Series A", 1096.0),
    ("Product B Special", "Series B", 55.0),
    ("Product B Advanced", "Series B", 3393.0),
    ("Product C Plus", "Series C", 5482.0),
    ("Product C 500", "Series C", 26768.0),
)
PRODUCT_SHARES = np.array([0.21, 0.17, 0.15, 0.19, 0.16, 0.115, 0.005])
SECTORS = ("retail", "technology", "medical", "software", "finance", "marketing", "services")
OFFICES = ("Central", "East", "West")
COUNTRIES = ("Country A", "Country B", "Country C")


@dataclass(frozen=True)
class SyntheticSample:
    """A made-up CRM: the same size and seed give the same tables.

    Attributes:
        opportunities: how many deals.
        seed: seed of everything random.
        description: one line for people, with the word synthetic.
    """

    opportunities: int
    seed: int
    description: str = "SYNTHETIC sample"
    name: str = "sample"
    quarantines: bool = False
    synthetic: bool = True

    @property
    def identity(self) -> str:
        """Its size and seed, which decide every value."""
        return f"{self.name}:{self.opportunities}-seed-{self.seed}"

    @property
    def known_months(self) -> MonthRange:
        """The sample's calendar, whatever its size."""
        return MonthRange(f"{FIRST_DAY:%Y-%m}", f"{LAST_DAY:%Y-%m}")

    def take(self, *tables: RawTable) -> dict[str, Sifted]:
        """Make some raw tables of the sample, which has no bad rows."""
        return {table.name: Sifted.whole(self.read(table)) for table in tables}

    def read(self, table: RawTable) -> pa.Table:
        """Make one raw table of the sample; an optional one that it does not have is empty."""
        makers: dict[str, Callable[[], dict[str, pa.Array]]] = {
            "raw_accounts": self._accounts,
            "raw_products": _products,
            "raw_sales_teams": self._sales_teams,
            "raw_sales_pipeline": lambda: self._pipeline,
        }
        if table.optional_table and table.name not in makers:
            return table.absent
        columns = makers[table.name]()
        rows = len(next(iter(columns.values())))
        columns = {**columns, "source_row": pa.array(np.arange(2, rows + 2))}
        schema = as_given(table.arrow, columns)
        return pa.table([columns[name] for name in schema.names], schema=schema)

    def month_range(self) -> MonthRange:
        """Return the sample's calendar."""
        return self.known_months

    @property
    def _agents(self) -> int:
        return _grown(30, self.opportunities)

    @property
    def _customers(self) -> int:
        return _grown(85, self.opportunities)

    def _random(self, what: int) -> np.random.Generator:
        # One stream per table, so that no table depends on which was read before.
        return np.random.default_rng([self.seed, what])

    def _accounts(self) -> dict[str, pa.Array]:
        random, n = self._random(1), self._customers
        revenue = np.round(random.lognormal(7, 1, n), 2)
        parent = np.where(random.random(n) < 0.15, random.integers(0, n, n), -1)
        names = _numbered("Account", n)
        return {
            "account": names,
            "sector": _picked(SECTORS, random.integers(0, len(SECTORS), n)),
            "year_established": pa.array(random.integers(1975, 2018, n)),
            "revenue": pa.array(revenue),
            "employees": pa.array(np.ceil(revenue * random.uniform(1, 4, n)).astype("int64")),
            "office_location": _picked(COUNTRIES, random.integers(0, len(COUNTRIES), n)),
            "subsidiary_of": names.take(pa.array(parent, mask=parent < 0)),
        }

    def _sales_teams(self) -> dict[str, pa.Array]:
        n = self._agents
        team = np.arange(n) // 6
        return {
            "sales_agent": _numbered("Agent", n),
            "manager": _numbered("Manager", int(team.max()) + 1).take(pa.array(team)),
            "regional_office": _picked(OFFICES, team % len(OFFICES)),
        }

    @cached_property
    def _pipeline(self) -> dict[str, pa.Array]:
        random, n = self._random(2), self.opportunities
        agent = random.integers(0, self._agents, n)
        product = random.choice(len(PRODUCTS), n, p=PRODUCT_SHARES)
        account = np.where(random.random(n) < WITHOUT_ACCOUNT, -1, random.integers(0, self._customers, n))
        engage, close = _days(random, n)
        stage = _stages(random, close, agent, product)
        engage[stage == 0] = -1
        return {
            "opportunity_id": _identifiers(random, n),
            "sales_agent": _numbered("Agent", self._agents).take(pa.array(agent)),
            "product": _picked([name for name, _, _ in PRODUCTS], product),
            "account": _numbered("Account", self._customers).take(pa.array(account, mask=account < 0)),
            "deal_stage": _picked([stage.value for stage in Stage], stage),
            "engage_date": _dates(engage),
            "close_date": _dates(close),
            "close_value": _values(random, stage, product),
        }


def _days(random: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw the engage and close day of each deal, counted from `FIRST_DAY`; -1 if it does not close.

    The first deal engages on the first day and the last closes on the last, so that the
    calendar is the same for every size.
    """
    engage = np.sort(random.integers(0, DAYS, n))
    cycle = np.clip(random.gamma(2.2, MEDIAN_CYCLE / 1.88, n), 1, LONGEST_CYCLE).astype("int64")
    close = np.maximum(engage + cycle, (FIRST_CLOSE - FIRST_DAY).days + random.integers(0, 40, n))
    # A quiet month pushes its closings to later days, up to the longest cycle.
    weight = SEASON[_place_in_quarter()] / SEASON.max()
    late = random.random(n) > weight[np.minimum(close, DAYS - 1)]
    close = close + np.where(late, random.integers(15, 45, n), 0)
    never = (random.random(n) < STILL_OPEN - PROSPECTING) | (close - engage > 2 * LONGEST_CYCLE)
    close = np.where(never | (close >= DAYS), -1, close)
    engage[0], close[-1] = 0, DAYS - 1
    engage[-1] = DAYS - 30
    return engage, close


def _stages(
    random: np.random.Generator, close: np.ndarray, agent: np.ndarray, product: np.ndarray
) -> np.ndarray:
    """Draw positions in `Stage`; some agents and products win more often than others."""
    skill = random.normal(0, 0.06, agent.max() + 1)[agent] + np.linspace(-0.04, 0.04, len(PRODUCTS))[product]
    won = random.random(len(close)) < WON_OF_CLOSED + skill
    stages = list(Stage)
    closed = np.where(won, stages.index(Stage.WON), stages.index(Stage.LOST))
    prospect = random.random(len(close)) < PROSPECTING / STILL_OPEN
    still_open = np.where(prospect, stages.index(Stage.PROSPECTING), stages.index(Stage.ENGAGING))
    still_open[0] = stages.index(Stage.ENGAGING)
    return np.where(close >= 0, closed, still_open)


def _values(random: np.random.Generator, stage: np.ndarray, product: np.ndarray) -> pa.Array:
    price = np.array([price for _, _, price in PRODUCTS])[product]
    value = np.round(price * random.normal(1, 0.12, len(stage)).clip(0.5, 1.6))
    stages = list(Stage)
    won, lost = stage == stages.index(Stage.WON), stage == stages.index(Stage.LOST)
    return pa.array(np.where(won, value, 0.0), mask=~(won | lost))


def _place_in_quarter() -> np.ndarray:
    days = np.datetime64(FIRST_DAY) + np.arange(DAYS)
    return days.astype("datetime64[M]").astype("int64") % 3


def _dates(days: np.ndarray) -> pa.Array:
    epoch = (FIRST_DAY - date(1970, 1, 1)).days
    return pa.array((days + epoch).astype("int32"), mask=days < 0).cast(pa.date32())


def _identifiers(random: np.random.Generator, n: int) -> pa.Array:
    """Make unique ids of eight letters and digits, in no order."""
    alphabet = np.frombuffer(b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789", dtype="S1")
    numbers = random.permutation(n).astype("uint64") * np.uint64(2654435761) % np.uint64(32**7)
    # Multiplying by an odd number permutes the residues of a power of two: no id repeats.
    letters = [alphabet[(numbers // np.uint64(32**place)) % np.uint64(32)] for place in range(7)]
    text = np.column_stack([np.full(n, b"S", dtype="S1"), *letters]).view("S8").ravel()
    return pa.array(text, pa.binary(8)).cast(pa.binary()).cast(pa.string())


def _products() -> dict[str, pa.Array]:
    names, series, prices = zip(*PRODUCTS, strict=True)
    return {"product": pa.array(names), "series": pa.array(series), "sales_price": pa.array(prices)}


def _grown(base: int, opportunities: int) -> int:
    """Return how many agents or accounts: `base` at the real dump's size, growing with the square root."""
    return max(base, round(base * (opportunities / 8_800) ** 0.5))


def _numbered(name: str, n: int) -> pa.Array:
    return pa.array([f"{name} {number:04d}" for number in range(1, n + 1)])


def _picked(values: tuple[str, ...] | list[str], positions: np.ndarray) -> pa.Array:
    return pa.array(list(values)).take(pa.array(positions))

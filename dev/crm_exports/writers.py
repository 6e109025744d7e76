"""Write a company's deals as the files that a CRM exports."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from crm_assets.crm.schema import Stage
from dev.crm_exports.company import CHANCES, LOST_STAGE, STAGES, WON_STAGE, Company

Row = Sequence[object]
_WORDS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


@dataclass(frozen=True)
class Style:
    """How a CRM writes its files.

    Attributes:
        encoding: the encoding.
        separator: the sign between two fields.
        quotes: which fields are in quotation marks, a constant of the module `csv`.
        stamp: writes the day and the time of an event.
        day: writes a day.
        amount: writes an amount of money.
        truth: what stands for false and true.
    """

    encoding: str
    separator: str
    quotes: Literal[0, 1, 2, 3]
    stamp: Callable[[date], str]
    day: Callable[[date], str]
    amount: Callable[[float], str]
    truth: tuple[str, str]

    def write(self, path: Path, header: Sequence[str], rows: Iterable[Row]) -> None:
        """Write one file; None is an empty field, a date a day."""
        with path.open("w", encoding=self.encoding, newline="") as file:
            writer = csv.writer(file, delimiter=self.separator, quoting=self.quotes)
            writer.writerow(header)
            writer.writerows([self._text(value) for value in row] for row in rows)

    def _text(self, value: object) -> str:
        if value is None:
            return ""
        if isinstance(value, bool):
            return self.truth[value]
        if isinstance(value, date):
            return self.day(value)
        return self.amount(value) if isinstance(value, float) else str(value)


def iso(day: date) -> str:
    """Write a day as `2023-03-05`."""
    return day.isoformat()


def german(day: date) -> str:
    """Write a day as `05.03.2023`."""
    return f"{day:%d.%m.%Y}"


def cents(amount: float) -> str:
    """Write an amount as `1200.50`."""
    return f"{amount:.2f}"


def short(amount: float) -> str:
    """Write an amount as `1200.5`, a whole one without decimals."""
    return f"{amount:.2f}".rstrip("0").rstrip(".")


def german_amount(amount: float) -> str:
    """Write an amount as `1.200,50 $`."""
    return f"{amount:,.2f}".translate(str.maketrans(",.", ".,")) + " $"


def salesforce_id(prefix: str, number: int, length: int = 18) -> str:
    """Return an id of 15 characters, or of 18 with the three that make their case recoverable."""
    digits = ""
    for _ in range(9):
        number, rest = divmod(number * 7 + 11, len(_WORDS)) if not digits else divmod(number, len(_WORDS))
        digits = _WORDS[rest] + digits
    short = f"{prefix}5g0{digits}"
    if length == 15:
        return short
    groups = (short[at : at + 5] for at in (0, 5, 10))
    bits = (sum(1 << place for place, sign in enumerate(group) if sign.isupper()) for group in groups)
    return short + "".join("ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"[bit] for bit in bits)


def guid(kind: int, number: int) -> str:
    """Return an id as Dynamics has it."""
    return f"{kind:08x}-3f5a-eb11-a813-{number:012x}"


@dataclass(frozen=True)
class Deal:
    """One deal of a company, with its place in the list."""

    at: int
    agent: int
    account: int
    product: int
    created: date
    closed: date | None
    expected: date | None
    outcome: str
    stage: int
    amount: float

    @property
    def won(self) -> bool:
        """Whether it is won."""
        return self.outcome == Stage.WON

    @property
    def lost(self) -> bool:
        """Whether it is lost."""
        return self.outcome == Stage.LOST

    @property
    def is_closed(self) -> bool:
        """Whether it is won or lost."""
        return self.won or self.lost

    @property
    def stage_name(self) -> str:
        """The stage in which a CRM shows it."""
        return WON_STAGE if self.won else LOST_STAGE if self.lost else STAGES[self.stage]

    @property
    def chance(self) -> float:
        """The CRM's own probability, 0 to 1."""
        return 1.0 if self.won else 0.0 if self.lost else CHANCES[self.stage]

    @property
    def end(self) -> date:
        """The day it closed or, while it is open, is expected to."""
        day = self.closed or self.expected
        assert day is not None
        return day


def deals_of(company: Company) -> list[Deal]:
    """Return the deals of a company one by one."""
    none = company.deals.astype(object).where(company.deals.notna(), None)
    return [Deal(at, **{str(k): v for k, v in row.items()}) for at, row in enumerate(none.to_dict("records"))]


def table(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table of the company."""
    return [{str(k): v for k, v in row.items()} for row in frame.astype(object).to_dict("records")]

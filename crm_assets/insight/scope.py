"""Who may see which rows. The filter applies where data is read, so nothing beyond it leaves the store."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import ibis.expr.types as ir
import pandas as pd

from crm_assets.errors import SettingsError


class Level(StrEnum):
    """Whose deals a scope shows; each value but `all` is a column of the tables of deals."""

    ALL = "all"
    OFFICE = "regional_office"
    MANAGER = "manager"
    AGENT = "sales_agent"


# The words of keys and settings, for example `office:West`.
WORDS = {"all": Level.ALL, "office": Level.OFFICE, "manager": Level.MANAGER, "agent": Level.AGENT}
# The columns by which a team is organized.
TEAM = (Level.AGENT.value, Level.MANAGER.value, Level.OFFICE.value)


@dataclass(frozen=True)
class Scope:
    """The rows that somebody may see: all, or those of some offices, managers or agents.

    Attributes:
        level: by which column.
        names: the offices, managers or agents; none for `all`.
    """

    level: Level = Level.ALL
    names: frozenset[str] = frozenset()

    @property
    def everything(self) -> bool:
        """Whether it shows all rows."""
        return self.level is Level.ALL

    def of_deals(self, deals: ir.Table) -> ir.Table:
        """Return the rows of a table of deals that the scope shows; none if the CRM lacks the column."""
        if self.everything:
            return deals
        if self.level.value not in deals.columns or not self.names:
            return deals.limit(0)
        return deals.filter(deals[self.level.value].isin(sorted(self.names)))

    def of_frame(self, deals: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of a data frame of deals that the scope shows."""
        if self.everything:
            return deals
        if self.level.value not in deals.columns or not self.names:
            return deals.iloc[:0]
        return deals[deals[self.level.value].isin(self.names)]

    def shows(self, deal: Mapping[str, Any]) -> bool:
        """Return whether the scope shows a deal, given as a row."""
        return self.everything or deal.get(self.level.value) in self.names

    def of_forecast(self, forecast: pd.DataFrame, team: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of `revenue_forecast` that only deals of the scope add up to.

        Args:
            forecast: columns of `crm.tables.REVENUE_FORECAST`.
            team: the distinct rows of all deals, those of the columns `TEAM` that the CRM has.
        """
        if self.everything:
            return forecast
        shown = {level: self._names(team, level) for level in TEAM if level in team.columns}
        keep = [
            name in shown.get(level, ())
            for level, name in zip(forecast["level"], forecast["name"], strict=True)
        ]
        return forecast[pd.Series(keep, index=forecast.index, dtype=bool)]

    def _names(self, team: pd.DataFrame, level: str) -> set[str]:
        """Return the names of a level all of whose deals the scope shows."""
        if self.level.value not in team.columns:
            return set()
        inside = team[self.level.value].isin(self.names)
        return set(team.loc[inside, level].dropna()) - set(team.loc[~inside, level].dropna())

    def said(self) -> str:
        """Return whose deals the scope shows, in words.

        >>> scope_of("office: West, Central").said(), EVERYTHING.said()
        ('the deals of office Central, West', 'all deals')
        """
        word, _, _ = str(self).partition(":")
        return "all deals" if self.everything else f"the deals of {word} {', '.join(sorted(self.names))}"

    def unknown(self, team: pd.DataFrame) -> list[str]:
        """Return the names of the scope that no deal has.

        Args:
            team: the distinct rows of all deals, those of the columns `TEAM` that the CRM has.
        """
        known = set(team[self.level.value].dropna()) if self.level.value in team.columns else set()
        return sorted(self.names - known)

    def __str__(self) -> str:
        """Return the scope as `scope_of` reads it, for example `office:Central,West`."""
        if self.everything:
            return "all"
        word = next(word for word, level in WORDS.items() if level is self.level)
        row = io.StringIO()
        csv.writer(row, lineterminator="").writerow(sorted(self.names))
        return f"{word}:{row.getvalue()}"


EVERYTHING = Scope()


def scope_of(text: str) -> Scope:
    """Read a scope: `all`, or `office:`, `manager:` or `agent:` with names separated by commas.

    A name that holds a comma stands in double quotes, as in a CSV file.

    Raises:
        SettingsError: it is none of these.

    >>> str(scope_of("office: West, Central")), scope_of("all").everything
    ('office:Central,West', True)
    >>> sorted(scope_of('office:"Smith, Inc", West').names)
    ['Smith, Inc', 'West']
    """
    word, _, names = text.strip().partition(":")
    level, found = WORDS.get(word.strip()), frozenset(_names(names))
    if level is None or (level is Level.ALL) != (not found):
        raise SettingsError(
            f"{text!r} is not a scope; write all, or office:, manager: or agent: with names, for example "
            "office:West. A name with a comma stands in double quotes."
        )
    return Scope(level, found)


def _names(text: str) -> list[str]:
    """Return the names of a list; none if its quotes do not match."""
    try:
        rows = list(csv.reader([text], skipinitialspace=True, strict=True))
    except csv.Error:
        return []
    return [name.strip() for row in rows for name in row if name.strip()]


def scope_by(level: Level, names: Iterable[str]) -> Scope:
    """Return the scope of some offices, managers or agents.

    Raises:
        SettingsError: no name is given.
    """
    found = frozenset(names)
    if level is not Level.ALL and not found:
        raise SettingsError(f"A scope by {level.value} needs at least one name.")
    return Scope(level, found)

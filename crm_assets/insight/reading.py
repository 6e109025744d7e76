"""Read the stored tables of one home for people and programs: by month, by scope, or a sentence."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from crm_assets.crm.tables import (
    CHAMPION,
    CURRENT_PREDICTIONS,
    LEAK_AUDIT,
    MONTHLY_SNAPSHOTS,
    OPPORTUNITIES,
    REVENUE_FORECAST,
    WIN_FEATURES,
    WIN_PREDICTIONS,
)
from crm_assets.errors import NotEnoughDataError, StorageError
from crm_assets.insight.scope import EVERYTHING, TEAM, Scope
from crm_assets.modeling.outlook.cells import TOTAL
from crm_assets.storage.said import as_said
from crm_assets.storage.tables import TableStore

# How far a forecast's expected wins may be from the sum of the predictions that it was made from.
ROUNDING = 1e-6


@dataclass(frozen=True)
class Reader:
    """The stored tables of one home, as far as a scope shows them.

    Attributes:
        store: the home's tables.
        scope: who reads.
    """

    store: TableStore
    scope: Scope = EVERYTHING

    def within(self, scope: Scope) -> Reader:
        """Return a reader of the same tables for another scope."""
        return replace(self, scope=scope)

    def months(self) -> list[str]:
        """Return the scored months, in order; the first months of a CRM have no predictions."""
        stored = self.store.months(WIN_PREDICTIONS.name)
        return [month for month in stored if self._rows(WIN_PREDICTIONS.name, month)]

    def newest_month(self) -> str:
        """Return the newest scored month.

        Raises:
            StorageError: no month is stored.
            NotEnoughDataError: no stored month has a prediction.
        """
        stored = self.store.months(WIN_PREDICTIONS.name)
        if not stored:
            raise StorageError(
                f"{self.store.where(WIN_PREDICTIONS.name)} is missing: run the graph first (make run), or "
                "set CRM_HOME to the home that it ran in."
            )
        for month in reversed(stored):
            if self._rows(WIN_PREDICTIONS.name, month):
                return month
        raise NotEnoughDataError(
            f"No month of {WIN_PREDICTIONS.name} has a prediction: no deal was open, or there was too little "
            "history to learn from."
        )

    def month_before(self, month: str) -> str | None:
        """Return the scored month before a month; None if there is none."""
        return next((earlier for earlier in reversed(self.months()) if earlier < month), None)

    def waiting_months(self) -> list[str]:
        """Return the months with features that are newer than the newest scored one."""
        newest = self.newest_month()
        return [month for month in self.store.months(WIN_FEATURES.name) if month > newest]

    def predictions(self, month: str) -> pd.DataFrame:
        """Return the predictions of a month, most likely deal first; columns of `WIN_PREDICTIONS`."""
        return self._deals(WIN_PREDICTIONS.name, month)

    def current(self) -> pd.DataFrame:
        """Return the predictions of the day that `CRM_AS_OF` asks for; columns of `CURRENT_PREDICTIONS`."""
        return self._deals(CURRENT_PREDICTIONS.name)

    def features(self, month: str) -> pd.DataFrame:
        """Return the features of the open deals of a month; columns of `WIN_FEATURES`."""
        return self._deals(WIN_FEATURES.name, month)

    def snapshot(self, month: str, columns: Iterable[str] | None = None) -> pd.DataFrame:
        """Return the deals as known at a month's end.

        Args:
            month: `YYYY-MM`.
            columns: which columns of `MONTHLY_SNAPSHOTS`; those that the CRM lacks are left out.
        """
        return self._deals(MONTHLY_SNAPSHOTS.name, month, columns)

    def predictions_as_said(self, month: str) -> pd.DataFrame:
        """Return the predictions of a month as they were stored before its outcome was known, if they were.

        Predictions that were made only later stand in for those of months that nobody predicted then.
        """
        return self._deals(as_said(self.store, WIN_PREDICTIONS.name, month)[0], month)

    def forecast_as_said(self, month: str) -> pd.DataFrame:
        """Return the forecast of a month as `predictions_as_said` does."""
        name, kept = as_said(self.store, REVENUE_FORECAST.name, month)
        return self._shown(self._run(self._table(name, month))) if kept else self.forecast(month)

    def forecast(self, month: str) -> pd.DataFrame:
        """Return the forecast made at a month's end; columns of `REVENUE_FORECAST`.

        Raises:
            StorageError: it is missing, or it was made from other predictions than those that are stored.
        """
        forecast = self._run(self._table(REVENUE_FORECAST.name, month))
        predicted = self._table(WIN_PREDICTIONS.name, month).probability.sum().to_pyarrow().as_py() or 0.0
        totals = forecast[(forecast["level"] == TOTAL) & (forecast["horizon_months"] == 1)]
        said = float(totals["expected_wins"].sum())
        if abs(said - predicted) > ROUNDING * max(1.0, predicted):
            raise StorageError(
                f"{self.store.where(REVENUE_FORECAST.name, month)} was made from other predictions: it "
                f"expects {said:,.1f} wins from open deals, {WIN_PREDICTIONS.name} {predicted:,.1f}. If a "
                f"run is writing them now, wait for it; if not, materialize {REVENUE_FORECAST.name} for "
                f"{month}."
            )
        return self._shown(forecast)

    def _shown(self, forecast: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of a forecast that the scope shows."""
        shown = self.scope.of_forecast(forecast, self.team() if not self.scope.everything else forecast)
        return shown.reset_index(drop=True)

    def team(self) -> pd.DataFrame:
        """Return the agents, managers and offices of all deals, in any scope."""
        deals = self._table(OPPORTUNITIES.name)
        there = [level for level in TEAM if level in deals.columns]
        if not there:
            return pd.DataFrame()
        return self._run(deals.select(there).distinct().order_by(there))

    def leaderboard(self) -> pd.DataFrame:
        """Return the table `champion`."""
        return self._run(self._table(CHAMPION.name))

    def leak_audit(self) -> pd.DataFrame:
        """Return the table `leak_audit`."""
        return self._run(self._table(LEAK_AUDIT.name))

    def currency(self) -> str:
        """Return the currency of the amounts; if the CRM does not say, dollars."""
        return currency_of(self._table(OPPORTUNITIES.name))

    def version_of(self, name: str, month: str | None = None) -> tuple[str, int, int, int]:
        """Return what changes when a stored table is replaced: its local file, time, size and inode.

        Raises:
            StorageError: it is not stored.
        """
        path: Path = self.store.path(name, month)
        found = path.stat()
        return str(path), found.st_mtime_ns, found.st_size, found.st_ino

    def digest(self, name: str, month: str | None = None) -> str:
        """Return the hash of a stored table's bytes, the same on every machine.

        Raises:
            StorageError: it is not stored.
        """
        with self.store.path(name, month).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _deals(
        self, name: str, month: str | None = None, columns: Iterable[str] | None = None
    ) -> pd.DataFrame:
        deals = self.scope.of_deals(self._table(name, month))
        if columns is not None:
            deals = deals.select([column for column in columns if column in deals.columns])
        return self._run(deals)

    def _table(self, name: str, month: str | None = None) -> ir.Table:
        self._rows(name, month)
        return self.store.read(name, None if month is None else [month])

    def _rows(self, name: str, month: str | None) -> int:
        """Return the row count of a stored table.

        Raises:
            StorageError: it is missing, or its file is damaged.
        """
        path = self.store.path(name, month)
        try:
            return pq.read_metadata(path).num_rows
        except (OSError, pa.ArrowException) as error:
            raise self.store.damaged(name, month) from error

    def _run(self, table: ir.Table) -> pd.DataFrame:
        return self.store.to_pandas(table)


def currency_of(opportunities: ir.Table) -> str:
    """Return the currency of the amounts; if the CRM does not say, dollars."""
    if "currency" not in opportunities.columns:
        return "USD"
    return opportunities.currency.min().to_pyarrow().as_py() or "USD"

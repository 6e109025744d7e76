"""Stored answers: the newest scored month of the batch, read once and never changed."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version as installed
from typing import Any

import numpy as np
import pandas as pd

from crm_assets.crm.months import month_end
from crm_assets.crm.targets import Target
from crm_assets.insight import bands
from crm_assets.insight.changes import OF_SNAPSHOT, Changes, Moment, compared
from crm_assets.insight.reading import Reader
from crm_assets.insight.scope import TEAM, Scope
from crm_assets.insight.words import RECORD_OF, reasons
from crm_assets.modeling.outlook.walk import column_of

DEAL = "opportunity_id"
# The tables of the newest month that the stored answers are read from.
MONTHLY = ("win_predictions", "revenue_forecast", "monthly_snapshots", "win_features")
# A deal's history goes back so many months.
MONTHS_OF_HISTORY = 12
MADE_BY = ("scored_by", "algorithm", "model_version")
WHO_AND_WHAT = ("sales_agent", "manager", "regional_office", "product", "account")


@dataclass(frozen=True)
class Stored:
    """The tables of the newest scored month, and of the one before.

    Attributes:
        seen: what changes, on this machine, when any of the tables is replaced.
        version: the same for everybody who reads the same tables with the same settings.
        month: the newest scored month.
        before: the scored month before; None if there is none.
        months: the months with a stored snapshot up to it.
        waiting: newer months that have features and no predictions yet.
        deals: columns of `WIN_PREDICTIONS`, and `band` and `trend`; most likely deal first.
        forecast: columns of `REVENUE_FORECAST`.
        currency: of all amounts.
    """

    seen: tuple[object, ...]
    version: str
    month: str
    before: str | None
    months: list[str]
    waiting: list[str]
    deals: pd.DataFrame
    forecast: pd.DataFrame
    team: pd.DataFrame
    currency: str
    history: dict[str, list[dict[str, Any]]]
    read_at: datetime
    _now: Moment
    _earlier: Moment | None
    _columns: dict[str, np.ndarray]
    _facts: dict[str, np.ndarray]
    _limits: Sequence[float]
    _places: dict[str, int] = field(default_factory=dict)

    @property
    def as_of(self) -> str:
        """The day that the predictions are of."""
        return f"{month_end(self.month)}"

    def place(self, deal: str, scope: Scope) -> int | None:
        """Return the place of a deal in `deals`; None if it is not open, or the scope does not show it."""
        place = self._places.get(deal)
        if place is None or scope.everything:
            return place
        column = scope.level.value
        shown = column in self._columns and self._columns[column][place] in scope.names
        return place if shown else None

    def summary(self, place: int) -> dict[str, Any]:
        """Return what lists show of a deal."""
        return plain({name: _item(self._columns[name][place]) for name in _shown(self._columns)})

    def detail(self, place: int) -> dict[str, Any]:
        """Return all that is known of a deal: reasons and history as well."""
        row = {name: values[place] for name, values in self._columns.items()}
        features = {name: values[place] for name, values in self._facts.items()}
        why = [
            {
                "feature": one.feature,
                "direction": one.direction,
                "words": str(one),
                "contribution": one.contribution,
            }
            for one in reasons(row, 6, features)
        ]
        return self.summary(place) | {"reasons": why, "history": self.history.get(row[DEAL], [])}

    def forecast_of(self, scope: Scope) -> pd.DataFrame:
        """Return the rows of the forecast that a scope shows."""
        return scope.of_forecast(self.forecast, self.team)

    def changes(self, scope: Scope, target: Target) -> Changes | None:
        """Return what changed since the month before, as far as a scope shows it; None without one."""
        if self._earlier is None:
            return None
        parts = [
            Moment(one.month, scope.of_frame(one.predictions), scope.of_frame(one.snapshot))
            for one in (self._now, self._earlier)
        ]
        return compared(*parts, target)


def summaries(deals: pd.DataFrame) -> list[dict[str, Any]]:
    """Return what lists show of deals, with None for missing values."""
    return [plain(row) for row in deals[_shown(deals)].to_dict("records")]


def _shown(columns: Collection[str]) -> list[str]:
    chances = [name for name in columns if name == "probability" or name.startswith("probability_")]
    shown = [DEAL, *(name for name in WHO_AND_WHAT if name in columns), "stage", "days_open", *chances]
    return [*shown, "band", "trend", "expected_value", "expected_revenue", *MADE_BY]


def _item(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def plain(row: dict[Any, Any]) -> dict[str, Any]:
    """Return a row with None for missing values."""
    return {str(name): None if _missing(value) else value for name, value in row.items()}


def _missing(value: Any) -> bool:
    return (
        value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and math.isnan(value))
    )


def seen_of(reader: Reader) -> tuple[object, ...]:
    """Return what changes, on this machine, when any of the tables of the stored answers is replaced.

    Raises:
        StorageError: one of them is not stored.
    """
    return tuple(reader.version_of(*table) for table in _tables(reader))


def _tables(reader: Reader) -> list[tuple[str, str | None]]:
    month = reader.newest_month()
    tables: list[tuple[str, str | None]] = [("opportunities", None), ("champion", None), ("leak_audit", None)]
    tables += [(name, month) for name in MONTHLY]
    before = reader.month_before(month)
    return [*tables, ("win_predictions", before)] if before else tables


def _version(reader: Reader, limits: Sequence[float]) -> str:
    """Return what several APIs on the same tables share, so that they share a cache."""
    parts = [reader.digest(*table) for table in _tables(reader)]
    text = json.dumps([reader.newest_month(), *parts, *limits, installed("crm_assets")])
    return hashlib.sha256(text.encode()).hexdigest()


def read_stored(reader: Reader, limits: Sequence[float]) -> Stored:
    """Read the stored answers.

    Raises:
        StorageError: a table is missing, damaged or half written.
        NotEnoughDataError: no month has predictions.
    """
    seen, version, month = seen_of(reader), _version(reader, limits), reader.newest_month()
    months = [earlier for earlier in reader.months() if earlier <= month][-MONTHS_OF_HISTORY:]
    before = reader.month_before(month)
    predictions = {earlier: reader.predictions(earlier) for earlier in months}
    now = predictions[month].reset_index(drop=True)
    earlier = predictions.get(before) if before else None
    trend = bands.trends(now, earlier) if earlier is not None else pd.Series(bands.NEW, index=now.index)
    snapshot = reader.snapshot(month, OF_SNAPSHOT)
    deals = now.assign(stage=_stages(now, snapshot), band=bands.bands(now, limits), trend=trend)
    was = (
        None
        if before is None or earlier is None
        else Moment(before, earlier, reader.snapshot(before, OF_SNAPSHOT))
    )
    return Stored(
        seen=seen,
        version=version,
        month=month,
        before=before,
        months=[known for known in reader.store.months("monthly_snapshots") if known <= month],
        waiting=reader.waiting_months(),
        deals=deals,
        forecast=reader.forecast(month),
        team=_team(reader),
        currency=reader.currency(),
        history=_history(predictions, set(now[DEAL]), limits),
        read_at=datetime.now(UTC),
        _now=Moment(month, now, snapshot),
        _earlier=was,
        _columns={name: deals[name].to_numpy() for name in deals},
        _facts=_facts(reader, month, deals[DEAL]),
        _limits=limits,
        _places={str(deal): place for place, deal in enumerate(deals[DEAL])},
    )


def _stages(deals: pd.DataFrame, snapshot: pd.DataFrame) -> pd.Series:
    """Return the CRM's own name of each deal's stage, or the stage if it has none."""
    known = snapshot.set_index(DEAL)
    stage = known["stage_name"].fillna(known["stage"]) if "stage_name" in known else known["stage"]
    return deals[DEAL].map(stage)


def _team(reader: Reader) -> pd.DataFrame:
    team = reader.team()
    return team if len(team.columns) else pd.DataFrame(columns=pd.Index(TEAM))


def _facts(reader: Reader, month: str, deals: pd.Series) -> dict[str, np.ndarray]:
    """Return the features that give reasons their facts, in the order of the deals."""
    features = reader.features(month)
    kept = [name for name in RECORD_OF.values() if name in features]
    found = features.set_index(DEAL)[kept].reindex(deals)
    return {name: found[name].to_numpy() for name in kept}


def _history(
    predictions: dict[str, pd.DataFrame], wanted: set[str], limits: Sequence[float]
) -> dict[str, list[dict[str, Any]]]:
    """Return the predictions of earlier months of the deals that are open now, oldest first."""
    found: dict[str, list[dict[str, Any]]] = {}
    longest = column_of(bands.HORIZON)
    for month, deals in predictions.items():
        known = deals[deals[DEAL].isin(wanted)]
        known = known.assign(band=bands.bands(known, limits), month=month)
        shown = [DEAL, "month", "probability", longest, "band", "expected_revenue", "model_version"]
        for row in known[[name for name in shown if name in known]].to_dict("records"):
            deal = str(row.pop(DEAL))
            found.setdefault(deal, []).append(plain(row))
    return found

"""Fresh predictions as of a month's end: by the champion, or by its walk-forward model of a past month."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from crm_assets.crm.tables import MONTHLY_SNAPSHOTS, TRAINING_SET
from crm_assets.errors import NotEnoughDataError
from crm_assets.insight import bands
from crm_assets.insight.words import Reason, reasons
from crm_assets.modeling import pooled
from crm_assets.modeling.algorithm import SNAPSHOT
from crm_assets.modeling.algorithms import algorithm
from crm_assets.modeling.calibration import CalibratedModel, calibrated, fit_calibrator
from crm_assets.modeling.calibrations import CALIBRATIONS
from crm_assets.modeling.explanation import explained
from crm_assets.modeling.folds import learn, lessons
from crm_assets.modeling.frames import coded
from crm_assets.modeling.outlook.history import History, needed
from crm_assets.modeling.outlook.walk import Horizons, Walk, column_of, horizons
from crm_assets.modeling.prepared import Prepared
from crm_assets.modeling.scoring import AGE, CHAMPION, WALK_FORWARD, Champion
from crm_assets.modeling.training_rows import TrainingRows, training_rows
from crm_assets.modeling.verdicts import NO_VERSION, SEASONAL_RATE
from crm_assets.serving.features import DEAL, OnlineFeatures
from crm_assets.storage.tables import TableStore


@dataclass(frozen=True)
class Scorer:
    """What scores the deals of one month.

    Attributes:
        month: the month.
        algorithm: the champion's, or the name of the rate that takes its place.
        version: the champion's registered version.
        scored_by: `champion`, `walk_forward`, or the name of the rate.
        model: the champion with the model of the month; None if a rate scores.
        features: the features that it may use.
        rows: the training set, if a rate scores.
    """

    month: str
    algorithm: str
    version: str
    scored_by: str
    model: Champion | None
    features: list[str]
    rows: TrainingRows | None = None

    def probabilities(self, rows: list[dict[str, Any]]) -> np.ndarray:
        """Return the probabilities of deals, given their features, shape (n,)."""
        return self.scored(rows, why=False)[0]

    def scored(self, rows: list[dict[str, Any]], why: bool) -> tuple[np.ndarray, list[dict[str, Any]]]:
        """Return the probabilities of deals, and what pushed them if they are to be explained."""
        if self._prepared is None or self.model is None:
            rates = self._rates(pd.DataFrame(rows))
            return rates["probability"].to_numpy(), rates.to_dict("records") if why else [{}] * len(rows)
        given = self._prepared.given(rows)
        chances = calibrated(self.model.model.calibrator, self._prepared.scores(given))
        if not why:
            return chances, [{}] * len(rows)
        return chances, explained(self._prepared.contributions(given), rows, self.model.features)

    @cached_property
    def _prepared(self) -> Prepared | None:
        if self.model is None:
            return None
        return algorithm(self.algorithm).prepare(self.model.model.pipeline, self.month, self.model.features)

    def _rates(self, deals: pd.DataFrame) -> pd.DataFrame:
        rows = self.rows
        if rows is None:
            raise NotEnoughDataError("There is neither a model nor a training set: run the graph (make run).")
        if self.algorithm == SEASONAL_RATE:
            found = pooled.seasonal_rates(rows, deals, self.month)
        else:
            found = pooled.pooled_rates(rows, deals, self.month, self.features)
        if len(found) != len(deals):
            raise NotEnoughDataError(f"No label is known by the end of {self.month}.")
        return found


@dataclass(frozen=True)
class Prediction:
    """The fresh prediction of one deal; `probabilities` by column, the first is next month's."""

    opportunity_id: str
    probabilities: dict[str, float | None]
    band: str
    expected_value: float
    expected_revenue: float
    reasons: list[Reason]
    warnings: list[str]


class Fresh:
    """Everything that fresh predictions as of one month's end need; it never changes."""

    def __init__(self, online: OnlineFeatures, scorer: Scorer, reach: Horizons | None) -> None:
        self.online, self.scorer, self.reach = online, scorer, reach

    def features(self, deals: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[int]]:
        """Return the features of deals, and the places of those that are not open."""
        return self.online.of(deals)

    def predict(
        self, deals: list[dict[str, Any]], rows: list[dict[str, Any]], limits: Sequence[float], why: bool
    ) -> list[Prediction]:
        """Return the predictions of deals.

        Args:
            deals: the deals, all of them open at the month's end.
            rows: their features.
            limits: `CRM_BAND_LIMITS`.
            why: whether to explain them, which takes longest.
        """
        first, pushes = self.scorer.scored(rows, why)
        columns = {"probability": first} | (self.reach.of(rows, first) if self.reach else {})
        chances = {name: column.tolist() for name, column in columns.items()}
        deciding = chances.get(column_of(bands.HORIZON), chances["probability"])
        return [
            Prediction(
                opportunity_id=str(row[DEAL]),
                probabilities={name: column[place] for name, column in chances.items()},
                band=bands.band(deciding[place], limits),
                expected_value=float(row["expected_value"]),
                expected_revenue=chances["probability"][place] * float(row["expected_value"]),
                reasons=reasons(pushes[place], features=row) if why else [],
                warnings=self.online.warnings(deals[place]),
            )
            for place, row in enumerate(rows)
        ]


def fresh(store: TableStore, month: str, champion: Champion | None, rate: str | None, seed: int) -> Fresh:
    """Prepare fresh predictions as of a month's end.

    Args:
        store: the tables of the home.
        month: a month with a stored snapshot.
        champion: the champion; None if there is none.
        rate: the rate that takes its place; None if a champion scores.
        seed: the seed of the models.

    Raises:
        NotEnoughDataError: no model can score a month that early.
        StorageError: a table is not stored.
    """
    snapshot = coded(needed(store.read(MONTHLY_SNAPSHOTS.name, [month])).to_pyarrow())
    scorer = _scorer(store, month, champion, rate, seed, snapshot)
    reach = horizons(Walk(History.of(snapshot, month), scorer.features if champion else [AGE]))
    return Fresh(OnlineFeatures(store, month), scorer, reach)


def _scorer(
    store: TableStore,
    month: str,
    champion: Champion | None,
    rate: str | None,
    seed: int,
    snapshot: pd.DataFrame,
) -> Scorer:
    if champion is None or rate is not None:
        rows = training_rows(store.path(TRAINING_SET.name))
        audit = store.to_pandas(store.read("leak_audit"))
        used = audit.loc[audit["used"], "feature"].tolist()
        name = rate or pooled.POOLED_RATE
        return Scorer(month, name, NO_VERSION, name, None, used, rows)
    if champion.may_score(month):
        return Scorer(month, champion.algorithm, champion.version, CHAMPION, champion, champion.features)
    past = replace(champion, model=_walked(store, month, champion, seed, snapshot))
    return Scorer(month, champion.algorithm, champion.version, WALK_FORWARD, past, champion.features)


def _walked(
    store: TableStore, month: str, champion: Champion, seed: int, snapshot: pd.DataFrame
) -> CalibratedModel:
    """Fit the champion's algorithm again on what was known at the end of a past month.

    It gives the walk-forward predictions of the version, since fits are deterministic.
    """
    if month not in champion.walk_forward:
        first = min(champion.walk_forward, default="none")
        raise NotEnoughDataError(
            f"No model can score {month}: it would know the outcome, or there was too little history. The "
            f"first month is {first}."
        )
    row, rows = algorithm(champion.algorithm), training_rows(store.path(TRAINING_SET.name), champion.target)
    reads = (lambda _: snapshot) if row.learns_from == SNAPSHOT else None
    [lesson] = lessons(rows, [month], champion.features, seed, reads)
    return CalibratedModel(learn(row, lesson), _calibrator(champion, month), champion.algorithm)


def _calibrator(champion: Champion, month: str) -> Any:
    """Return the calibrator of a past month, from the walk-forward scores whose labels were known by then."""
    calibration = _calibration(champion)
    if calibration is None:
        return None
    scored = sorted(champion.walk_forward)
    known = [m for m in champion.target.labeled(scored, month) if m not in champion.test_months]
    if not known:
        return None
    label = champion.target.name
    parts = [champion.walk_forward[m][["score", label]] for m in known]
    told = pd.concat(parts, ignore_index=True).rename(columns={"score": "probability"})
    return fit_calibrator(told.astype({"probability": "float64"}), calibration)


def _calibration(champion: Champion) -> Any:
    """Return the row of the calibration that the champion's calibrator is fitted by."""
    kind = type(champion.model.calibrator)
    name = f"{kind.__module__}.{kind.__qualname__}"
    return next((row for row in CALIBRATIONS if name in row.trusted_types), None)

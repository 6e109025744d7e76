"""Scores a month's open deals with the champion, except months that it learned from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from crm_assets.crm.tables import WIN_PREDICTIONS
from crm_assets.crm.targets import DEFAULT_TARGET, Target
from crm_assets.modeling.algorithms import algorithm
from crm_assets.modeling.calibration import CalibratedModel
from crm_assets.modeling.explanation import PUSHED_DOWN, PUSHED_UP, explain
from crm_assets.modeling.outlook.history import History
from crm_assets.modeling.outlook.walk import Walk, reach
from crm_assets.modeling.training_rows import DEAL
from crm_assets.modeling.verdicts import NO_VERSION

# What a rate of past deals may look at beyond them: the age, which every deal has.
AGE = "days_open"
# The columns of longer horizons.
LONGER = [column for column in WIN_PREDICTIONS.names if column.startswith("probability_")]
CHAMPION, WALK_FORWARD = "champion", "walk_forward"


@dataclass(frozen=True)
class Champion:
    """A registered model with everything needed to score deals.

    Attributes:
        version: its registered version.
        algorithm: its algorithm.
        model: the calibrated model.
        features: the features that it uses, in order.
        trained_months: the months that it learned from.
        walk_forward: its walk-forward predictions of past months with explanations, by month.
        target: the target that it predicts.
        source: identity of the source that it learned from; empty if not recorded.
        test_months: the months that it was reported on; its calibration never saw them.
    """

    version: str
    algorithm: str
    model: CalibratedModel
    features: list[str]
    trained_months: list[str]
    walk_forward: Mapping[str, pd.DataFrame]
    target: Target = DEFAULT_TARGET
    source: str = ""
    test_months: tuple[str, ...] = ()

    def may_score(self, month: str) -> bool:
        """Return whether all its training labels were known at the end of a month."""
        return self.target.last_month(max(self.trained_months)) <= month

    def probabilities(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return `opportunity_id` and `probability` of some rows of `win_features`."""
        matrix = algorithm(self.algorithm).matrix(table, self.features)
        return table[[DEAL]].assign(probability=self.model.predict_proba(matrix)[:, 1])


def win_predictions(
    features: pd.DataFrame,
    values: pd.DataFrame,
    snapshot: pd.DataFrame,
    champion: Champion,
    month: str,
    memo: dict[Any, Any] | None = None,
) -> pd.DataFrame:
    """Return the probability, value and explanation of each open deal of a month.

    The champion scores a month if all its training labels were known at the month's end. An earlier month
    gets the champion's walk-forward prediction, made without that month's outcomes. Months too early for
    a walk-forward prediction have no predictions. Longer horizons come from the hazard of closing as of the
    month, and are never below the champion's probability.

    Args:
        features: one month of `win_features`.
        values: `modeling.forecast.expected_values` of the same month.
        snapshot: `outlook.history.COLUMNS` of `monthly_snapshots`, the same month.
        champion: the current champion.
        month: `YYYY-MM`.
        memo: see `outlook.walk.Walk`.

    Returns:
        Columns of `crm.tables.WIN_PREDICTIONS`, most likely deal first.
    """
    live = champion.may_score(month)
    # scikit-learn rejects empty input: without open deals, take the (also empty) walk-forward rows.
    scored = _live(features, champion) if live and len(features) else _past(champion, month)
    by = CHAMPION if live else WALK_FORWARD
    rows = _predictions(features, values, scored, by, champion.algorithm, champion.version)
    return _ranked(rows, snapshot, champion.features, month, memo)


def predictions_of_rates(
    features: pd.DataFrame,
    values: pd.DataFrame,
    snapshot: pd.DataFrame,
    rates: pd.DataFrame,
    name: str,
    month: str,
    memo: dict[Any, Any] | None = None,
) -> pd.DataFrame:
    """Return the same table if no model makes the predictions, but a rate of past deals.

    Args:
        features: one month of `win_features`.
        values: `forecast.expected_values` of the same month.
        snapshot: `outlook.history.COLUMNS` of `monthly_snapshots`, the same month.
        rates: the rates of the same month, as `modeling.pooled` gives them; a deal without one has no
            prediction.
        name: one of `verdicts.RATES`.
        month: `YYYY-MM`.
        memo: see `outlook.walk.Walk`.
    """
    rows = _predictions(features, values, rates, name, name, NO_VERSION)
    return _ranked(rows, snapshot, [AGE], month, memo)


def _predictions(
    features: pd.DataFrame,
    values: pd.DataFrame,
    scored: pd.DataFrame,
    scored_by: str,
    algorithm: str,
    version: str,
) -> pd.DataFrame:
    rows = features.merge(scored, on=DEAL, validate="one_to_one").merge(
        values, on=DEAL, validate="one_to_one"
    )
    return rows.assign(
        expected_revenue=rows["probability"] * rows["expected_value"],
        scored_by=scored_by,
        algorithm=algorithm,
        model_version=version,
    )


def _ranked(
    rows: pd.DataFrame, snapshot: pd.DataFrame, features: list[str], month: str, memo: dict[Any, Any] | None
) -> pd.DataFrame:
    """Add the longer horizons, and sort by probability."""
    walk = Walk(History.of(snapshot, month), features, memo)
    if len(rows) and walk.history.months:
        rows = rows.merge(reach(walk, rows[[DEAL, "probability"]]), on=DEAL, validate="one_to_one")
    else:
        # While no deal is closed, nothing tells how long deals take.
        rows = rows.assign(**dict.fromkeys(LONGER, pd.Series(dtype="float64")))
    ranked = rows.sort_values(["probability", DEAL], ascending=[False, True])
    return ranked[WIN_PREDICTIONS.having(ranked.columns).names].reset_index(drop=True)


def _live(features: pd.DataFrame, champion: Champion) -> pd.DataFrame:
    chosen, fitted = algorithm(champion.algorithm), champion.model.pipeline
    why = explain(chosen, fitted, features, champion.features)
    return pd.concat([champion.probabilities(features), why], axis=1)


def _past(champion: Champion, month: str) -> pd.DataFrame:
    columns = [DEAL, "probability", PUSHED_UP, PUSHED_DOWN]
    if month in champion.walk_forward:
        return champion.walk_forward[month][columns]
    return WIN_PREDICTIONS.arrow.empty_table().select(columns).to_pandas()

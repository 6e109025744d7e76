"""Scoring a month's open deals with the champion, without letting it score what it learned from."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from crm_assets.crm.tables import WIN_PREDICTIONS
from crm_assets.modeling.calibration import CalibratedModel
from crm_assets.modeling.explanation import PUSHED_DOWN, PUSHED_UP, explain
from crm_assets.modeling.matrix import feature_matrix

CHAMPION, WALK_FORWARD = "champion", "walk_forward"


@dataclass(frozen=True)
class Champion:
    """A registered model and what is needed to score with it.

    Attributes:
        version: its registered version.
        algorithm: its algorithm.
        model: the calibrated model.
        features: what it uses, in order.
        trained_months: the months that it has learned from.
        walk_forward: its walk-forward predictions of past months.
    """

    version: str
    algorithm: str
    model: CalibratedModel
    features: list[str]
    trained_months: list[str]
    walk_forward: pd.DataFrame


def win_predictions(
    features: pd.DataFrame, values: pd.DataFrame, champion: Champion, month: str
) -> pd.DataFrame:
    """The probability of each open deal of a month, its worth, and what pushed it.

    A month after those that the champion has learned from is scored by the champion. An earlier
    month gets the champion's walk-forward prediction, made without that month's outcomes; where
    there is none, since too little had happened by then, the month has no predictions.

    Args:
        features: one month of `win_features`.
        values: `crm.forecast.expected_values` of the same month.
        champion: the model in force.
        month: `YYYY-MM`.

    Returns:
        Columns of `crm.tables.WIN_PREDICTIONS`, the likeliest deal first.
    """
    live = month > max(champion.trained_months)
    # A live month without open deals has no past either: no rows, as scikit-learn refuses empty input.
    scored = _live(features, champion) if live and len(features) else _past(champion, month)
    rows = features.merge(scored, on="opportunity_id", validate="one_to_one").merge(
        values, on="opportunity_id", validate="one_to_one"
    )
    rows = rows.assign(
        expected_revenue=rows["probability"] * rows["expected_value"],
        scored_by=CHAMPION if live else WALK_FORWARD,
        algorithm=champion.algorithm,
        model_version=champion.version,
    )
    ranked = rows.sort_values(["probability", "opportunity_id"], ascending=[False, True])
    return ranked[WIN_PREDICTIONS.names].reset_index(drop=True)


def _live(features: pd.DataFrame, champion: Champion) -> pd.DataFrame:
    probability = champion.model.predict_proba(feature_matrix(features, champion.features))[:, 1]
    why = explain(champion.model.pipeline, features, champion.features)
    return pd.concat([features[["opportunity_id"]].assign(probability=probability), why], axis=1)


def _past(champion: Champion, month: str) -> pd.DataFrame:
    past = champion.walk_forward
    columns = ["opportunity_id", "probability", PUSHED_UP, PUSHED_DOWN]
    return past.loc[past["snapshot_month"] == month, columns]

"""Made-up training rows and candidates, for tests of the registry that need no graph."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crm_assets.crm.feature_table import FEATURE_NAMES, FEATURES, LABEL
from crm_assets.crm.training_rows import HeldRows
from crm_assets.modeling.algorithms import SEASON, algorithm
from crm_assets.modeling.backtest import Split, fit
from crm_assets.modeling.calibration import CalibratedModel, fit_calibrator
from crm_assets.modeling.champion import Candidate
from crm_assets.modeling.matrix import feature_matrix

MONTHS = [f"2023-0{month}" for month in range(1, 7)]
SPLIT = Split(MONTHS[:2], MONTHS[2:4], MONTHS[4:])
FEATURES_USED = list(FEATURE_NAMES)
SEED = 5
DEALS_A_MONTH = 200


def training_rows() -> HeldRows:
    """Rows of six months with every feature and missing values; long open deals are won more often."""
    random = np.random.default_rng(SEED)
    count = DEALS_A_MONTH * len(MONTHS)
    columns: dict[str, object] = {
        "opportunity_id": [f"D{number}" for number in range(count)],
        "snapshot_month": np.repeat(MONTHS, DEALS_A_MONTH),
    }
    for feature in FEATURES:
        if feature.dtype == "category":
            values = random.choice(["north", "south", "west"], count).astype(object)
        else:
            few = feature.dtype == "boolean" or feature.name == SEASON
            values = random.integers(0, 2 if few else 90, count).astype(object)
        if feature.nullable:
            values[random.random(count) < 0.1] = None
        columns[feature.name] = values if feature.dtype == "category" else pd.to_numeric(pd.Series(values))
    table = pd.DataFrame(columns)
    table[LABEL.name] = (random.random(count) * 90 < table["days_open"]).astype("int64")
    return HeldRows(table)


def candidate(rows: HeldRows, name: str) -> Candidate:
    """An algorithm, fitted on all rows and calibrated, as the asset `champion` makes one."""
    pipeline = fit(algorithm(name).build(FEATURES_USED, SEED), rows.table, FEATURES_USED)
    scored = rows.rows(SPLIT.scored)[["opportunity_id", "snapshot_month", LABEL.name]]
    probability = pipeline.predict_proba(feature_matrix(rows.rows(SPLIT.scored), FEATURES_USED))[:, 1]
    walk_forward = scored.assign(probability=probability)
    return Candidate(
        algorithm=name,
        model=CalibratedModel(pipeline, fit_calibrator(walk_forward)),
        features=FEATURES_USED,
        trained_months=MONTHS,
        split=SPLIT,
        walk_forward=walk_forward,
        contenders={},
        leaderboard=pd.DataFrame(),
    )

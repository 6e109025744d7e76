"""Made-up training rows and candidates, for tests of the registry that need no graph."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from crm_assets.crm.feature_table import FEATURE_NAMES, FEATURES
from crm_assets.crm.tables import LEAK_AUDIT
from crm_assets.crm.targets import DEFAULT_TARGET
from crm_assets.modeling import champion
from crm_assets.modeling.algorithms import algorithm
from crm_assets.modeling.backtest import walk_forward
from crm_assets.modeling.champion import Candidate
from crm_assets.modeling.folds import FoldModels, Split
from crm_assets.modeling.training_rows import HeldRows
from crm_assets.modeling.verdicts import ADMISSIBLE
from crm_assets.monitoring.card import Data, model_card
from crm_assets.registry.cards import Writer

MONTHS = [f"2023-0{month}" for month in range(1, 7)]
SPLIT = Split(MONTHS[:3], MONTHS[3:4], MONTHS[4:])
SEED = 5
DEALS_A_MONTH = 100
# Numbers with few values, for example the season: models get one column per value.
FEW = ("month_of_quarter", "engage_day_of_week")


def training_rows() -> HeldRows:
    """Make rows of six months with every feature and missing values; long open deals win more often."""
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
            highest = 1 if feature.dtype == "boolean" or feature.name in FEW else 89
            values = random.integers(0, highest + 1, count).astype(object)
        if feature.nullable:
            values[random.random(count) < 0.1] = None
        columns[feature.name] = values if feature.dtype == "category" else pd.to_numeric(pd.Series(values))
    table = pd.DataFrame(columns)
    table[DEFAULT_TARGET.name] = (random.random(count) * 90 < table["days_open"]).astype("int64")
    return HeldRows(table)


def candidate(rows: HeldRows, name: str, models: FoldModels | None = None) -> Candidate:
    """Make the candidate for which this algorithm is the only choice."""
    features, kept = list(FEATURE_NAMES), models or FoldModels()
    scores = walk_forward(algorithm(name), rows, features, SPLIT.scored, SEED, kept)
    return champion.candidate(rows, features, {name: scores}, SPLIT, SEED, kept)


def audit(**verdicts: str) -> pd.DataFrame:
    """Make the table `leak_audit`, with verdicts on some features; the others are admissible."""
    rows = []
    for name in FEATURE_NAMES:
        verdict = verdicts.get(name, ADMISSIBLE)
        reason = None if verdict == ADMISSIBLE else f"made from column {name}"
        rows.append({"feature": name, "verdict": verdict, "used": verdict == ADMISSIBLE, "reason": reason})
    frame = pd.DataFrame(rows, columns=pd.Index(LEAK_AUDIT.names))
    return frame.assign(overruled=False)


def card_of(made: Candidate, rows: HeldRows, verdicts: pd.DataFrame | None = None) -> Writer:
    """Return what writes the card of a candidate."""
    data = Data("made-up deals", "made-up", synthetic=True, dumps=(), seed=SEED)
    return partial(model_card, made, rows, audit() if verdicts is None else verdicts, data)

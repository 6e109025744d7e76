"""How a candidate does on parts of the deals: by each category that it may use."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from crm_assets.crm.all_features import ALL_FEATURES
from crm_assets.modeling.champion import Candidate
from crm_assets.modeling.metrics import label_of, roc_auc
from crm_assets.modeling.training_rows import KEYS, TrainingRows
from crm_assets.monitoring.markdown import number

# The error of a ROC AUC from this many wins and as many losses is about 0.06.
SMALL_WINS = 30
# The most frequent values of a category; the others are one slice.
MOST = 12
# No value of a CRM has a blank at its start.
OTHERS, MISSING = " others", " none"
# Agents have too few wins each, and a card is not there to rank people.
NOT_BY = "sales_agent"


def columns(rows: TrainingRows) -> list[str]:
    """Return the categories that the CRM has, in the order of the features."""
    found = [feature.name for feature in ALL_FEATURES if feature.dtype == "category"]
    return [name for name in found if name in rows.columns and name != NOT_BY]


def left_out(candidate: Candidate, rows: TrainingRows) -> list[str]:
    """Return the categories that the candidate may not use: who has which value may depend on the outcome."""
    return [name for name in columns(rows) if name not in candidate.features]


def by_category(candidate: Candidate, rows: TrainingRows, test: pd.DataFrame) -> Iterator[dict[str, str]]:
    """Yield one row per category and value, as the card shows it.

    Args:
        candidate: the model and its evidence.
        rows: the training set.
        test: its calibrated predictions of the test months.
    """
    label = label_of(test)
    for name in columns(rows):
        if name not in candidate.features:
            continue
        deals = test.merge(rows.rows(candidate.split.test, [*KEYS, name]), on=KEYS, how="left")
        shown, values = _most(deals[name])
        outcome, probability = deals[label].to_numpy("int64"), deals["probability"].to_numpy("float64")
        for value in values:
            if (chosen := np.flatnonzero(shown == value)).size:
                yield _row(name, value, outcome[chosen], probability[chosen])


def _most(values: pd.Series) -> tuple[np.ndarray, list[str]]:
    """Return the slice of each deal, and the slices, the largest first: values, the rest, and none."""
    counts = values.value_counts()
    often = sorted(counts.index, key=lambda value: (-counts[value], str(value)))[:MOST]
    shown = values.astype("object").where(values.isin(often), OTHERS)
    return shown.where(values.notna(), MISSING).to_numpy(dtype=object), [*often, OTHERS, MISSING]


def _row(name: str, value: str, outcome: np.ndarray, probability: np.ndarray) -> dict[str, str]:
    wins = int(outcome.sum())
    return {
        "slice": name.replace("_", " "),
        "value": value,
        "deals": number(len(outcome)),
        "wins": number(wins),
        "expected": number(probability.sum(), 1),
        "auc": number(roc_auc(outcome, probability), 3),
        "brier": number(np.square(probability - outcome).mean(), 3),
        "small": "*small*" if min(wins, len(outcome) - wins) < SMALL_WINS else "",
    }

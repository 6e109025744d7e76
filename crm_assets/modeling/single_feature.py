"""The second test: a feature that alone ranks closing or winning deals better than honest data can."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from crm_assets.crm.feature import Feature
from crm_assets.crm.months import month_end
from crm_assets.crm.schema import Stage
from crm_assets.errors import StorageError
from crm_assets.modeling.training_rows import DEAL, MONTH, TrainingRows
from crm_assets.modeling.verdicts import MAX_SINGLE_FEATURE_AUC

MIN_DEALS_PER_SIDE = 20
TARGET_ENCODING_FOLDS = 5
# With more rows, the audit judges a part of the deals: the ROC AUC then differs by at most 0.002.
MAX_ROWS = 300_000


@dataclass(frozen=True)
class Outcomes:
    """What happens to the judged deals later; arrays of shape (kept rows,).

    Attributes:
        kept: which rows of the training set are judged, shape (rows,).
        month: snapshot month, numbered in order.
        deal: deal, numbered in order.
        closes: whether it closes later.
        won: whether it is won later.
    """

    kept: np.ndarray
    month: np.ndarray
    deal: np.ndarray
    closes: np.ndarray
    won: np.ndarray


@dataclass(frozen=True)
class Ranking:
    """How well a feature alone ranks deals within a month; NaN without evidence."""

    auc_closes_later: float
    auc_won_against_lost: float

    @property
    def reason(self) -> str:
        """Why the ranking convicts the feature; empty if it does not."""
        found = {
            "closing later": self.auc_closes_later,
            "winning against losing": self.auc_won_against_lost,
        }
        return "; ".join(
            f"alone ranks {what} with ROC AUC {value:.3f}, beyond the {MAX_SINGLE_FEATURE_AUC} that honest "
            "knowledge reaches"
            for what, value in found.items()
            if max(value, 1 - value) > MAX_SINGLE_FEATURE_AUC
        )


def outcomes(
    rows: TrainingRows, opportunities: pd.DataFrame, horizon: str, vanished: Collection[str] = ()
) -> Outcomes:
    """Look up what happens to the training set's deals; a deal that closes after the horizon counts as open.

    Deals that vanished from the CRM are left out.

    Raises:
        StorageError: the training set has deals that opportunities does not have.
    """
    ids = rows[DEAL]
    parts = -(-len(ids) // MAX_ROWS)
    kept = np.ones(len(ids), dtype=bool)
    if parts > 1:
        kept = pd.util.hash_array(ids.to_numpy(), categorize=False) % parts == 0
    place = pd.Index(opportunities[DEAL]).get_indexer(pd.Index(ids))
    if len(vanished):
        gone = (place < 0) & ids.isin(list(vanished)).to_numpy()
        kept, place = kept & ~gone, np.where(gone, 0, place)
    if unknown := int((place < 0).sum()):
        raise StorageError(
            f"{unknown:,} rows of training_set are about deals that opportunities does not have: "
            "materialize monthly_snapshots, win_features and training_set again."
        )
    place = place[kept]
    closes = pd.to_datetime(opportunities["close_date"]).le(pd.Timestamp(month_end(horizon))).to_numpy()
    won = closes & opportunities["stage"].eq(Stage.WON.value).to_numpy()
    return Outcomes(
        kept=kept,
        month=pd.factorize(rows[MONTH].to_numpy()[kept], sort=True)[0],
        deal=pd.factorize(ids.to_numpy()[kept], sort=True)[0],
        closes=closes[place],
        won=won[place],
    )


def ranking(feature: Feature, values: pd.Series, outcomes: Outcomes) -> Ranking:
    """Rank the deals of each month by a feature alone, and by its being missing."""
    values = values[outcomes.kept]
    everywhere = np.ones(len(values), dtype=bool)
    return Ranking(
        _better(feature, values, outcomes, outcomes.closes, everywhere),
        _better(feature, values, outcomes, outcomes.won, outcomes.closes),
    )


def _better(
    feature: Feature, values: pd.Series, outcomes: Outcomes, positive: np.ndarray, rows: np.ndarray
) -> float:
    """Return the ROC AUC by value or by missingness, whichever is farther from 0.5."""
    null = values.isna().to_numpy()
    there = rows & ~null
    areas = [
        _auc(_score(feature, values[there], outcomes.deal[there], positive[there]), outcomes, positive, there)
    ]
    if null[rows].any():
        areas.append(_auc(null[rows].astype("float64"), outcomes, positive, rows))
    return max(areas, key=lambda area: -1.0 if np.isnan(area) else abs(area - 0.5))


def _score(feature: Feature, values: pd.Series, deal: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """Return numbers unchanged, and for each category its rate among other deals, without the deal itself."""
    if feature.dtype != "category" or not len(values):
        return values.to_numpy(dtype="float64")
    value, fold = pd.factorize(values)[0], deal % TARGET_ENCODING_FOLDS
    all_wins, all_rows = _tally(value, positive)
    own_wins, own_rows = _tally(value * TARGET_ENCODING_FOLDS + fold, positive)
    return (all_wins - own_wins + positive.mean()) / (all_rows - own_rows + 1)


def _auc(score: np.ndarray, outcomes: Outcomes, positive: np.ndarray, rows: np.ndarray) -> float:
    """Return the ROC AUC within months, pooled over pairs; NaN without evidence."""
    month, deal, positive = outcomes.month[rows], outcomes.deal[rows], positive[rows]
    if min(_distinct(deal[positive]), _distinct(deal[~positive])) < MIN_DEALS_PER_SIDE:
        return float("nan")
    pairs = wins = 0.0
    for part in np.split(np.argsort(month, kind="stable"), np.bincount(month).cumsum()[:-1]):
        wanted = positive[part]
        n_positive, n_negative = wanted.sum(), (~wanted).sum()
        ranks = rankdata(score[part])
        wins += ranks[wanted].sum() - n_positive * (n_positive + 1) / 2
        pairs += n_positive * n_negative
    return float(wins / pairs) if pairs else float("nan")


def _tally(group: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for each row how many rows of its group are true, and how many there are."""
    return np.bincount(group, weights=true)[group], np.bincount(group)[group]


def _distinct(numbers: np.ndarray) -> int:
    return int(np.count_nonzero(np.bincount(numbers)))

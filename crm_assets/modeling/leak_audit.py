"""The leak audit: features that know the outcome in a way no dated rule can catch.

Within each snapshot month, the open deals that close later in the dump are compared with those
that never do, and the later winners with the later losers. Missingness that occurs on one side
only, or a single feature that ranks the two sides near-perfectly, convicts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from crm_assets.crm.feature_table import FEATURES, Feature
from crm_assets.crm.months import month_end
from crm_assets.crm.schema import Stage
from crm_assets.errors import StorageError
from crm_assets.modeling.training_rows import DEAL, MONTH, TrainingRows
from crm_assets.modeling.verdicts import ADMISSIBLE, INADMISSIBLE

# Honest knowledge reaches 0.92 on the real dump (`days_open` against 'closes later').
MAX_SINGLE_FEATURE_AUC = 0.97
# One-sided missingness: (almost) never on one side, and often enough on the other.
ABSENT_RATE = 0.001
PRESENT_RATE = 0.05
# Null values that the other side should show at the same rate, for their absence to mean anything.
MIN_EXPECTED = 20
MIN_DEALS_PER_SIDE = 20
TARGET_ENCODING_FOLDS = 5

SOURCES = sorted({source for feature in FEATURES for source in feature.sources})
DEAL_COLUMNS = [DEAL, "stage", "close_date", *SOURCES]


@dataclass(frozen=True)
class Finding:
    """What the audit measured of one column; a statistic without evidence is NaN."""

    null_rate_closes_later: float
    null_rate_never_closes: float
    auc_closes_later: float
    auc_won_against_lost: float
    reason: str


@dataclass(frozen=True)
class Outcomes:
    """What becomes of each row's deal, each of shape (rows,); months and deals are numbered in order."""

    month: np.ndarray
    deal: np.ndarray
    closes: np.ndarray
    won: np.ndarray


def leak_audit(
    rows: TrainingRows,
    opportunities: pd.DataFrame,
    horizon: str,
    admit: Iterable[str] = (),
    exclude: Iterable[str] = (),
) -> pd.DataFrame:
    """Judge every feature.

    Args:
        rows: the training set, or any months of `win_features` before the horizon.
        opportunities: at least the columns `DEAL_COLUMNS` of `crm.tables.OPPORTUNITIES`.
        horizon: last month that the data covers; what closes after it counts as never closed.
        admit: features that an operator uses in spite of their verdict.
        exclude: features that an operator keeps out.

    Returns:
        One row per feature, in order: `feature`, `verdict`, `used`, `reason`, `overruled` and the
        statistics of `Finding`.

    Raises:
        StorageError: the training set has deals that opportunities does not have.
    """
    ids = rows[DEAL]
    place = pd.Index(opportunities[DEAL]).get_indexer(pd.Index(ids))
    if unknown := int((place < 0).sum()):
        raise StorageError(
            f"{unknown:,} rows of training_set are about deals that opportunities does not have: "
            "materialize monthly_snapshots, win_features and training_set again."
        )
    outcomes = _outcomes(rows[MONTH], ids, opportunities, place, horizon)
    guilty_sources = {
        name: reason
        for name in SOURCES
        if (reason := _one_sided(_null_rates(opportunities[name].isna().to_numpy()[place], outcomes)))
    }
    audit = pd.DataFrame(
        [_judge(feature, rows[feature.name], outcomes, guilty_sources) for feature in FEATURES]
    )
    admitted, excluded = audit["feature"].isin(list(admit)), audit["feature"].isin(list(exclude))
    innocent = audit["verdict"] == ADMISSIBLE
    audit.insert(2, "used", (innocent | admitted) & ~excluded)
    audit.insert(3, "overruled", (admitted & ~innocent) | (excluded & innocent))
    return audit


def admissible_features(audit: pd.DataFrame) -> list[str]:
    """The features that models use, in the order of the feature table."""
    return audit.loc[audit["used"], "feature"].tolist()


def _outcomes(
    months: pd.Series, ids: pd.Series, opportunities: pd.DataFrame, place: np.ndarray, horizon: str
) -> Outcomes:
    """Outcomes of rows, each about the deal at its place of `opportunities`."""
    closes = pd.to_datetime(opportunities["close_date"]).le(pd.Timestamp(month_end(horizon))).to_numpy()
    won = closes & opportunities["stage"].eq(Stage.WON.value).to_numpy()
    return Outcomes(
        month=pd.factorize(months, sort=True)[0],
        deal=pd.factorize(ids, sort=True)[0],
        closes=closes[place],
        won=won[place],
    )


def _judge(
    feature: Feature, values: pd.Series, outcomes: Outcomes, guilty_sources: dict[str, str]
) -> dict[str, object]:
    finding = _finding(feature, values, outcomes)
    reasons = [finding.reason] if finding.reason else []
    reasons += [
        f"made from column {source}, which is {guilty_sources[source]}"
        for source in feature.sources
        if source in guilty_sources
    ]
    return {
        "feature": feature.name,
        "verdict": INADMISSIBLE if reasons else ADMISSIBLE,
        "reason": "; ".join(reasons),
        **{name: value for name, value in vars(finding).items() if name != "reason"},
    }


def _finding(feature: Feature, values: pd.Series, outcomes: Outcomes) -> Finding:
    null = values.isna().to_numpy()
    rates = _null_rates(null, outcomes)
    auc = {
        "closing later": _auc(feature, values, outcomes, outcomes.closes, ~null),
        "winning against losing": _auc(feature, values, outcomes, outcomes.won, ~null & outcomes.closes),
    }
    reasons = [
        f"alone ranks {what} with ROC AUC {value:.3f}, beyond the {MAX_SINGLE_FEATURE_AUC} that "
        "honest knowledge reaches"
        for what, value in auc.items()
        if max(value, 1 - value) > MAX_SINGLE_FEATURE_AUC
    ]
    one_sided = _one_sided(rates)
    return Finding(
        rates[0], rates[1], *auc.values(), reason="; ".join([one_sided] * bool(one_sided) + reasons)
    )


def _null_rates(null: np.ndarray, outcomes: Outcomes) -> tuple[float, float, int, int]:
    """Null rate of deals that close later and of those that never do, and how many deals each has.

    Deals are weighted equally within a side; only months that have both sides count.
    """
    closers, rows = _tally(outcomes.month, outcomes.closes)
    counts = (closers > 0) & (closers < rows)
    deal, closes = outcomes.deal[counts], outcomes.closes[counts]
    nulls, rows_of_deal = _sums(deal, null[counts])
    closing = np.zeros(len(rows_of_deal), dtype=bool)
    closing[deal] = closes
    there = rows_of_deal > 0
    rates, closing = nulls[there] / rows_of_deal[there], closing[there]
    later, never = rates[closing], rates[~closing]
    if min(len(later), len(never)) < MIN_DEALS_PER_SIDE:
        return float("nan"), float("nan"), 0, 0
    return float(later.mean()), float(never.mean()), len(later), len(never)


def _one_sided(rates: tuple[float, float, int, int]) -> str:
    """Why null rates convict, or nothing where they do not."""
    later, never, deals_later, deals_never = rates
    for rare, often, deals in ((later, never, deals_later), (never, later, deals_never)):
        if rare <= ABSENT_RATE and often >= PRESENT_RATE and often * deals >= MIN_EXPECTED:
            return (
                f"null on {later:.1%} of the deals that close later and on {never:.1%} of those that never do"
            )
    return ""


def _auc(
    feature: Feature, values: pd.Series, outcomes: Outcomes, positive: np.ndarray, rows: np.ndarray
) -> float:
    """ROC AUC of one feature within months, pooled over pairs; NaN without evidence."""
    month, deal, positive = outcomes.month[rows], outcomes.deal[rows], positive[rows]
    if min(_distinct(deal[positive]), _distinct(deal[~positive])) < MIN_DEALS_PER_SIDE:
        return float("nan")
    if feature.dtype == "category":
        score = _target_encoded(values[rows], deal % TARGET_ENCODING_FOLDS, positive)
    else:
        score = values[rows].to_numpy(dtype="float64")
    pairs = wins = 0.0
    for part in np.split(np.argsort(month, kind="stable"), np.bincount(month).cumsum()[:-1]):
        wanted = positive[part]
        n_positive, n_negative = wanted.sum(), (~wanted).sum()
        ranks = rankdata(score[part])
        wins += ranks[wanted].sum() - n_positive * (n_positive + 1) / 2
        pairs += n_positive * n_negative
    return float(wins / pairs) if pairs else float("nan")


def _target_encoded(values: pd.Series, fold: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """Each category as its rate among other deals: a deal never votes on itself."""
    value = pd.factorize(values)[0]
    all_wins, all_rows = _tally(value, positive)
    own_wins, own_rows = _tally(value * TARGET_ENCODING_FOLDS + fold, positive)
    return (all_wins - own_wins + positive.mean()) / (all_rows - own_rows + 1)


def _tally(group: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each row, how many rows of its group are true, and how many there are."""
    trues, rows = _sums(group, true)
    return trues[group], rows[group]


def _sums(group: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each group, numbered from 0, how many of its rows are true, and how many there are."""
    return np.bincount(group, weights=true), np.bincount(group)


def _distinct(numbers: np.ndarray) -> int:
    return int(np.count_nonzero(np.bincount(numbers)))

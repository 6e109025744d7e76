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
from crm_assets.crm.training_rows import DEAL, MONTH, TrainingRows
from crm_assets.errors import StorageError
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
            "materialise monthly_snapshots, win_features and training_set again."
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
) -> pd.DataFrame:
    """Per row: month, deal, whether it closes later in the dump, whether it is won then.

    Months and deals are numbered in their order: whole numbers are grouped much faster than text.
    """
    closes = pd.to_datetime(opportunities["close_date"]).le(pd.Timestamp(month_end(horizon))).to_numpy()
    won = closes & opportunities["stage"].eq(Stage.WON.value).to_numpy()
    outcomes = pd.DataFrame(
        {
            "month": pd.factorize(months, sort=True)[0],
            "deal": pd.factorize(ids, sort=True)[0],
            "closes": closes[place],
            "won": won[place],
        }
    )
    outcomes["fold"] = outcomes["deal"] % TARGET_ENCODING_FOLDS
    return outcomes


def _judge(
    feature: Feature, values: pd.Series, outcomes: pd.DataFrame, guilty_sources: dict[str, str]
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


def _finding(feature: Feature, values: pd.Series, outcomes: pd.DataFrame) -> Finding:
    null = values.isna().to_numpy()
    rates = _null_rates(null, outcomes)
    closers = outcomes["closes"].to_numpy()
    auc = {
        "closing later": _auc(feature, values, outcomes, outcomes["closes"].to_numpy(), ~null),
        "winning against losing": _auc(
            feature, values, outcomes, outcomes["won"].to_numpy(), ~null & closers
        ),
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


def _null_rates(null: np.ndarray, outcomes: pd.DataFrame) -> tuple[float, float, int, int]:
    """Null rate of deals that close later and of those that never do, and how many deals each has.

    Deals are weighted equally within a side; only months that have both sides count.
    """
    frame = outcomes.assign(null=null)
    sides = frame.groupby("month")["closes"].transform("mean")
    frame = frame[(sides > 0) & (sides < 1)]
    per_deal = frame.groupby(["closes", "deal"], sort=True)["null"].mean()
    by_side = {bool(side): part for side, part in per_deal.groupby(level="closes")}
    if len(by_side) < 2 or min(map(len, by_side.values())) < MIN_DEALS_PER_SIDE:
        return float("nan"), float("nan"), 0, 0
    later, never = by_side[True], by_side[False]
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
    feature: Feature, values: pd.Series, outcomes: pd.DataFrame, positive: np.ndarray, rows: np.ndarray
) -> float:
    """ROC AUC of one feature within months, pooled over pairs; NaN without evidence."""
    frame = outcomes[rows].assign(positive=positive[rows])
    if min(_deals(frame[frame["positive"]]), _deals(frame[~frame["positive"]])) < MIN_DEALS_PER_SIDE:
        return float("nan")
    score = values[rows]
    if feature.dtype == "category":
        score = _target_encoded(score, frame)
    frame["score"] = score.to_numpy(dtype="float64")
    pairs = wins = 0.0
    for _, month in frame.groupby("month", sort=True):
        is_positive = month["positive"].to_numpy()
        n_positive, n_negative = is_positive.sum(), (~is_positive).sum()
        ranks = rankdata(month["score"].to_numpy())
        wins += ranks[is_positive].sum() - n_positive * (n_positive + 1) / 2
        pairs += n_positive * n_negative
    return float(wins / pairs) if pairs else float("nan")


def _target_encoded(values: pd.Series, frame: pd.DataFrame) -> pd.Series:
    """Each category as its rate among other deals: a deal never votes on itself."""
    data = frame.assign(value=pd.factorize(values)[0])
    total, own = data.groupby("value")["positive"], data.groupby(["value", "fold"])["positive"]
    wins, deals = (total.transform(what) - own.transform(what) for what in ("sum", "count"))
    rates = (wins + data["positive"].mean()) / (deals + 1)
    return pd.Series(rates.to_numpy(), index=values.index)


def _deals(frame: pd.DataFrame) -> int:
    return frame["deal"].nunique()

"""Decides whether a candidate replaces the current champion.

It does if it is no worse on the same test months. Without a champion, it becomes one if it is no worse than
the seasonal rate, which otherwise makes the predictions. A champion that uses a feature which settings or the
leak audit rule out is replaced regardless of score. A model never replaces one that learned from other data,
since the two cannot be compared on the same deals: a person decides that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from crm_assets.modeling.champion import Candidate
from crm_assets.modeling.metrics import pooled
from crm_assets.modeling.scoring import Champion
from crm_assets.modeling.training_rows import DEAL, KEYS, MONTH, TrainingRows


@dataclass(frozen=True)
class Verdict:
    """Whether a candidate is promoted, and the reason in a sentence."""

    promoted: bool
    reason: str


@dataclass(frozen=True)
class Rival:
    """What `judge` needs to know about the current champion.

    Attributes:
        version: its registered version.
        features: the features that it uses.
        source: identity of the source that it learned from; empty if not recorded.
        same_deals: whether it has scored any deal of the candidate's training set.
        test: its metrics on the candidate's test months, or None if there are none.
    """

    version: str
    features: list[str]
    source: str
    same_deals: bool
    test: dict[str, float] | None


def rival(former: Champion, candidate: Candidate, rows: TrainingRows) -> Rival:
    """Score the current champion on the candidate's test months.

    Months before all its training labels were known count with its walk-forward predictions, later months
    with its model.
    """
    same_deals = _same_deals(former, rows)
    test = None
    if same_deals and set(former.features) <= set(rows.columns):
        parts = [_honest(former, month, rows) for month in candidate.split.test]
        if not any(part["probability"].isna().any() for part in parts):
            test = pooled(pd.concat(parts), candidate.split.test)
    return Rival(former.version, former.features, former.source, same_deals, test)


def judge(
    own: dict[str, float],
    former: Rival | None,
    allowed: list[str],
    source: str,
    version: str,
    seasonal: dict[str, float] | None = None,
) -> Verdict:
    """Decide whether a candidate is promoted.

    Args:
        own: the candidate's metrics on the test months.
        former: the current champion, or None if there is none.
        allowed: the features that models may use.
        source: identity of the source that the candidate learned from.
        version: the candidate's registered version.
        seasonal: the seasonal rate's metrics on the test months.
    """
    if former is None:
        if seasonal is not None and own["roc_auc"] < seasonal["roc_auc"]:
            return Verdict(
                False,
                f"There is no champion, and ROC AUC {own['roc_auc']:.4f} on the test months is worse than "
                f"{seasonal['roc_auc']:.4f} of the seasonal rate, which makes the predictions. To use this "
                f"version anyway: make promote VERSION={version}.",
            )
        return Verdict(True, "There was no champion.")
    other_source = former.source and source and former.source != source
    if other_source or not former.same_deals:
        theirs = f" ({former.source})" if former.source else ""
        return Verdict(
            False,
            f"Version {former.version} learned from other data{theirs} and stays champion. To use "
            f"this version anyway: make promote VERSION={version}. To start over: move CRM_HOME away and run "
            "again.",
        )
    if forbidden := sorted(set(former.features) - set(allowed)):
        return Verdict(
            True, f"Version {former.version} uses {', '.join(forbidden)}, which may no longer be used."
        )
    if former.test is None:
        return Verdict(True, f"Version {former.version} cannot be compared on these test months.")
    if math.isnan(own["roc_auc"]) or math.isnan(former.test["roc_auc"]):
        return Verdict(
            False,
            f"All test deals have the same outcome, so there is no ROC AUC to compare with version "
            f"{former.version}.",
        )
    promoted = own["roc_auc"] >= former.test["roc_auc"]
    return Verdict(
        promoted,
        f"ROC AUC {own['roc_auc']:.4f} against {former.test['roc_auc']:.4f} of version {former.version} on "
        f"the same test months: {'no worse' if promoted else 'worse'}.",
    )


def _same_deals(former: Champion, rows: TrainingRows) -> bool:
    """Return whether the champion's walk-forward has a deal of the training set."""
    past = former.walk_forward
    # Try month by month first: the first common month nearly always has one, and reading all is slow.
    if any(past[m][DEAL].isin(rows.rows([m], [DEAL])[DEAL]).any() for m in past if m in rows.deals):
        return True
    deals = rows[DEAL].unique()
    return any(past[month][DEAL].isin(deals).any() for month in past)


def _honest(former: Champion, month: str, rows: TrainingRows) -> pd.DataFrame:
    """Return keys, label and `probability` of a month's deals, NaN if the champion has no prediction."""
    test = rows.rows([month])
    labels = test[[*KEYS, rows.target.name]]
    if former.may_score(month):
        said = former.probabilities(test)
    elif month in former.walk_forward:
        said = former.walk_forward[month][[DEAL, "probability"]]
    else:
        return labels.assign(probability=float("nan"))
    return labels.merge(said, on=DEAL, how="left").assign(**{MONTH: month})

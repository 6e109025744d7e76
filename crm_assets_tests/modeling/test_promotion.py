"""`judge` decides which candidate replaces the champion, and says why."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from crm_assets.modeling.champion import Candidate
from crm_assets.modeling.metrics import METRICS, pooled
from crm_assets.modeling.promotion import Rival, judge, rival
from crm_assets.modeling.scoring import Champion
from crm_assets.modeling.training_rows import HeldRows
from crm_assets_tests.modeling.conftest import Training

FEATURES = ["days_open", "list_price"]


def scores(auc: float) -> dict[str, float]:
    return dict.fromkeys(METRICS, 0.1) | {"roc_auc": auc}


FORMER = Rival("3", FEATURES, "kaggle/a", same_deals=True, test=scores(0.8))


@pytest.mark.parametrize(
    ("former", "own", "source", "promoted", "said"),
    [
        (None, 0.5, "kaggle/a", True, "There was no champion."),
        (FORMER, 0.8, "kaggle/a", True, "ROC AUC 0.8000 against 0.8000 of version 3 on the same test months"),
        (FORMER, 0.79, "kaggle/a", False, "test months: worse."),
        (FORMER, float("nan"), "kaggle/a", False, "All test deals have the same outcome"),
        (
            replace(FORMER, test=scores(float("nan"))),
            0.9,
            "kaggle/a",
            False,
            "All test deals have the same outcome",
        ),
        (
            replace(FORMER, features=["sector"]),
            0.1,
            "kaggle/a",
            True,
            "uses sector, which may no longer be used",
        ),
        (replace(FORMER, test=None), 0.1, "kaggle/a", True, "cannot be compared"),
        # If a source is not recorded, the deals decide.
        (replace(FORMER, source=""), 0.9, "kaggle/a", True, "no worse"),
        (FORMER, 0.9, "", True, "no worse"),
        (FORMER, 0.9, "sample/b", False, "learned from other data (kaggle/a) and stays champion"),
        (replace(FORMER, same_deals=False, test=None), 0.9, "kaggle/a", False, "learned from other data"),
        (replace(FORMER, source="", same_deals=False), 0.9, "b", False, "learned from other data and stays"),
        # A forbidden feature does not replace it either: it learned from other data.
        (replace(FORMER, features=["sector"]), 0.9, "sample/b", False, "make promote VERSION=4"),
    ],
)
def test_a_candidate_is_promoted_or_not_for_a_reason(
    former: Rival | None, own: float, source: str, promoted: bool, said: str
) -> None:
    verdict = judge(scores(own), former, FEATURES, source, "4")
    assert verdict.promoted == promoted
    assert said in verdict.reason
    assert verdict.reason.endswith(".")


@pytest.mark.parametrize(
    ("own", "promoted"), [(0.287, False), (0.6, True), (0.7, True), (float("nan"), True)]
)
def test_without_a_champion_a_candidate_must_be_no_worse_than_the_seasonal_rate(
    own: float, promoted: bool
) -> None:
    verdict = judge(scores(own), None, FEATURES, "kaggle/a", "1", scores(0.6))
    assert verdict.promoted == promoted
    if not promoted:
        assert verdict.reason == (
            "There is no champion, and ROC AUC 0.2870 on the test months is worse than 0.6000 of the "
            "seasonal rate, which makes the predictions. To use this version anyway: make promote VERSION=1."
        )
    assert judge(scores(own), FORMER, FEATURES, "kaggle/a", "4", scores(0.99)).promoted == (own >= 0.8)


def champion_of(made: Candidate, trained: list[str]) -> Champion:
    past = {month: made.explained[month] for month in made.split.scored if month <= trained[-1]}
    return Champion("3", made.algorithm, made.model, made.features, trained, past)


def test_a_rival_is_scored_without_what_it_has_learned_from(
    sample: Training, sample_candidate: Candidate
) -> None:
    all_past = rival(
        champion_of(sample_candidate, sample_candidate.trained_months), sample_candidate, sample.rows
    )
    assert all_past.test == pytest.approx(pooled(sample_candidate.walk_forward, sample_candidate.split.test))
    # Trained on earlier months: the walk-forward counts while there is one, then the model.
    earlier = champion_of(sample_candidate, sample_candidate.trained_months[:-1])
    last = sample_candidate.split.test[-1]
    test = [earlier.walk_forward[month] for month in sample_candidate.split.test[:-1]]
    table = sample.rows.rows([last])
    live = table[["snapshot_month", "won_next_month"]].assign(
        probability=earlier.probabilities(table)["probability"]
    )
    expected = pooled(pd.concat([*test, live]), sample_candidate.split.test)
    found = rival(earlier, sample_candidate, sample.rows)
    assert found.test == pytest.approx(expected)


def test_a_rival_without_walk_forward_of_a_test_month_cannot_be_compared(
    sample: Training, sample_candidate: Candidate
) -> None:
    champion = champion_of(sample_candidate, sample_candidate.trained_months)
    few = {m: f for m, f in champion.walk_forward.items() if m != sample_candidate.split.test[0]}
    found = rival(replace(champion, walk_forward=few), sample_candidate, sample.rows)
    assert found.same_deals
    assert found.test is None
    unknown = replace(champion, features=[*champion.features, "no such feature"])
    assert rival(unknown, sample_candidate, sample.rows).test is None


def test_a_rival_of_other_deals_is_known_by_them(sample: Training, sample_candidate: Candidate) -> None:
    champion = champion_of(sample_candidate, sample_candidate.trained_months)
    others = {
        month: frame.assign(opportunity_id="X" + frame["opportunity_id"].astype(str))
        for month, frame in champion.walk_forward.items()
    }
    assert not rival(replace(champion, walk_forward=others), sample_candidate, sample.rows).same_deals
    # Deals stay open for months, so a month that left the training set still shares deals with it.
    late = HeldRows(sample.table[sample.table["snapshot_month"] > sample_candidate.split.validation[0]])
    past = {m: champion.walk_forward[m] for m in sample_candidate.split.validation[:1]}
    made = replace(sample_candidate, trained_months=late.months)
    assert rival(replace(champion, walk_forward=past), made, late).same_deals

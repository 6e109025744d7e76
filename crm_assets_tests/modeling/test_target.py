"""Targets: a fold of month t sees only labels known at the end of t, however far ahead labels look."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from crm_assets.crm import targets
from crm_assets.crm.months import month_end, shift
from crm_assets.crm.targets import DEFAULT_TARGET, Target
from crm_assets.errors import NotEnoughDataError
from crm_assets.modeling.algorithms import algorithm
from crm_assets.modeling.backtest import walk_forward
from crm_assets.modeling.baselines import seasonal_rate
from crm_assets.modeling.calibration import calibrate_walk_forward
from crm_assets.modeling.champion import candidate
from crm_assets.modeling.folds import Split, lessons, split_months
from crm_assets.modeling.scoring import Champion
from crm_assets.modeling.training import check_complete, labeled_months
from crm_assets.modeling.training_rows import HeldRows
from crm_assets.registry.names import EXPERIMENT, MODEL, experiment_name, model_name
from crm_assets_tests.chain import Chain
from crm_assets_tests.modeling.conftest import SEED, Rewritten, Training

MONTHS = [f"2023-{month:02d}" for month in range(1, 13)]
FEATURES = ["days_open", "month_of_quarter", "list_price", "agent_open_deals"]


@pytest.fixture(params=[1, 3], ids=["one month", "three months"])
def target(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Target:
    """Return another target in the table of targets."""
    row = Target(f"won_in_{request.param}_months", request.param)
    monkeypatch.setattr(targets, "TARGETS", (row,))
    return row


def labeled(chain: Chain, target: Target) -> HeldRows:
    """Return the training set of a target; the labels are counted from the deals here."""
    deals = chain.opportunities().set_index("opportunity_id")
    won = pd.to_datetime(deals["close_date"]).where(deals["stage"] == "Won")
    first = shift(min(deals["close_date"].dropna()).strftime("%Y-%m"), -1)
    parts = []
    for month in chain.months:
        if first <= month and shift(month, target.months) <= chain.horizon:
            table = chain.features(month)
            day = won.reindex(table["opportunity_id"])
            last = pd.Timestamp(month_end(shift(month, target.months)))
            inside = (day > pd.Timestamp(month_end(month))) & (day <= last)
            parts.append(table.assign(**{target.name: inside.to_numpy().astype("int64")}))
    return HeldRows(pd.concat(parts, ignore_index=True), target)


def test_rewriting_the_future_changes_nothing_that_a_fold_sees(
    sample: Training, rewritten: Rewritten, target: Target
) -> None:
    month = rewritten.month
    before, after = (labeled(chain, target) for chain in (sample.chain, rewritten.chain))
    folds = [next(iter(lessons(rows, [month], FEATURES, SEED))) for rows in (before, after)]
    assert folds[0].months == folds[1].months
    assert max(folds[0].months) == shift(month, -target.months)
    # Labels of other targets may be unknown there; no fold uses them.
    known = [lesson.rows.rows(lesson.months)[[*FEATURES, target.name]] for lesson in folds]
    assert_frame_equal(known[0], known[1])
    # The months between have features, but their labels were unknown: using them would change the fold.
    next_month = shift(max(folds[0].months), 1)
    assert not before.rows([next_month])[target.name].equals(after.rows([next_month])[target.name])

    scores = [
        walk_forward(algorithm("logistic_regression"), rows, FEATURES, [month], SEED)
        for rows in (before, after)
    ]
    assert scores[0]["probability"].tolist() == scores[1]["probability"].tolist()
    rates = [seasonal_rate(rows, [month]) for rows in (before, after)]
    assert rates[0]["probability"].tolist() == rates[1]["probability"].tolist()


def test_calibration_uses_no_label_that_was_not_known(target: Target) -> None:
    split = split_months(MONTHS, 2, 2, target)
    random = np.random.default_rng(1)
    size = 400 * len(split.scored)
    scores = pd.DataFrame(
        {
            "snapshot_month": np.repeat(split.scored, 400),
            "probability": random.uniform(0, 1, size),
            target.name: random.integers(0, 2, size),
        }
    )
    month = split.validation[-1]
    unknown = scores["snapshot_month"] > shift(month, -target.months)
    rewritten = scores.assign(**{target.name: scores[target.name].where(~unknown, 1 - scores[target.name])})
    first, second = (
        calibrate_walk_forward(table, split, [month], target)["probability"].tolist()
        for table in (scores, rewritten)
    )
    assert first == second
    assert first != scores.loc[scores["snapshot_month"] == month, "probability"].tolist()


def test_no_label_of_a_validation_month_was_unknown_when_the_first_test_month_was_scored() -> None:
    three = Target("won_in_3_months", 3)
    split = split_months(MONTHS, 2, 3, three)
    assert split == Split(MONTHS[:4], MONTHS[4:7], MONTHS[9:], ("2023-08", "2023-09"))
    assert split.scored == MONTHS[4:]
    assert split_months(MONTHS, 2, 3) == Split(MONTHS[:2], MONTHS[2:9], MONTHS[9:])
    assert split_months(MONTHS[:10], 2, 3, three).validation == MONTHS[4:5]
    with pytest.raises(
        NotEnoughDataError, match=r"^There are 9 labeled months .* at least 10 are needed: 2 to train"
    ):
        split_months(MONTHS[:9], 2, 3, three)


def test_a_candidate_for_three_months_is_chosen_and_scores_what_it_may(
    sample: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    three = Target("won_in_3_months", 3)
    monkeypatch.setattr(targets, "TARGETS", (three,))
    rows = labeled(sample.chain, three)
    split = split_months(rows.months, 2, 1, three)
    scores = walk_forward(algorithm("logistic_regression"), rows, FEATURES, split.scored, SEED)
    made = candidate(rows, FEATURES, {"logistic_regression": scores}, split, SEED)
    assert made.target == three
    assert made.trained_months == rows.months
    last = rows.months[-1]
    champion = Champion("1", made.algorithm, made.model, FEATURES, made.trained_months, made.explained, three)
    assert [champion.may_score(shift(last, later)) for later in range(5)] == [False, False, False, True, True]
    assert made.explained[split.test[-1]]["pushed_up"].map(len).max() > 0


def test_names_and_forecast_months_follow_the_target(sample: Training) -> None:
    three = Target("won_in_3_months", 3)
    assert (EXPERIMENT, MODEL) == ("monthly_win_probability", "monthly_win_probability_model")
    assert experiment_name(three) == "monthly_win_probability_won_in_3_months"
    assert model_name(three) == "monthly_win_probability_won_in_3_months_model"
    deals = sample.chain.store.read("opportunities")
    one = labeled_months(deals, sample.chain.horizon)
    assert labeled_months(deals, sample.chain.horizon, three) == one[:-2]
    assert three.last_month("2023-11") == "2024-02"
    assert DEFAULT_TARGET.last_month("2023-11") == "2023-12"


@pytest.mark.parametrize(
    ("stored", "missing"),
    [
        (MONTHS, ""),
        (MONTHS[3:7], ""),
        ([], ""),
        ([*MONTHS[:3], *MONTHS[4:]], "2023-04"),
        ([MONTHS[0], MONTHS[3]], "2023-02, 2023-03"),
    ],
)
def test_a_month_that_is_missing_between_others_is_told(stored: list[str], missing: str) -> None:
    if not missing:
        check_complete(stored, MONTHS)
        return
    with pytest.raises(NotEnoughDataError, match=rf"^win_features lacks {missing}, between .*Materialize"):
        check_complete(stored, MONTHS)

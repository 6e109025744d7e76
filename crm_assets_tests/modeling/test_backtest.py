"""Walk-forward: each month is scored by a model that has seen only the months before it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from crm_assets.crm.feature_table import LABEL
from crm_assets.errors import NotEnoughDataError
from crm_assets.modeling.baselines import seasonal_rate
from crm_assets.modeling.folds import Split, lessons, split_months
from crm_assets_tests.modeling.conftest import NAMES, SEED, Rewritten, Training, table_of

MONTHS = [f"2023-{month:02d}" for month in range(2, 12)]


def scrambled(table: pd.DataFrame, rows: pd.Series, columns: list[str]) -> pd.DataFrame:
    """Return the table with changes in some rows: inverted labels, shuffled features."""
    result = table.copy()
    order = np.random.default_rng(5).permutation(int(rows.sum()))
    for column in columns:
        values = table.loc[rows, column]
        other = 1 - values if column == LABEL.name else values.iloc[order].set_axis(values.index)
        result.loc[rows, column] = other
    return result


@pytest.mark.parametrize("name", NAMES)
def test_a_month_is_scored_without_its_own_outcomes_or_anything_later(sample: Training, name: str) -> None:
    before, month = sample.split.scored[2:4]
    scores = sample.backtest(name, [before, month])
    at = sample.table["snapshot_month"]
    # The model for `month` sees neither its labels nor any later row.
    outcomes = scrambled(sample.table, at >= month, [LABEL.name])
    rewritten = scrambled(outcomes, at > month, sample.features)
    again = sample.backtest(name, [before, month], rewritten)
    assert again["probability"].tolist() == scores["probability"].tolist()


def test_a_model_does_learn_from_the_months_before(sample: Training) -> None:
    before, month = sample.split.scored[2:4]
    rewritten = scrambled(sample.table, sample.table["snapshot_month"] == before, [LABEL.name])
    scores = sample.backtest("logistic_regression", [month])
    assert not sample.backtest("logistic_regression", [month], rewritten)["probability"].equals(
        scores["probability"]
    )


def test_rewriting_the_dump_after_a_month_leaves_the_months_score(
    sample: Training, rewritten: Rewritten
) -> None:
    table = table_of(rewritten.chain)
    assert not table.equals(sample.table)
    # The month's own label is in its future, so it may change; the scores must not.
    scores, again = (
        sample.backtest("logistic_regression", [rewritten.month], of).drop(columns=LABEL.name)
        for of in (sample.table, table)
    )
    assert_frame_equal(again, scores)


def test_every_fold_trains_on_all_earlier_months_and_on_no_other(sample: Training) -> None:
    months = sample.split.scored
    given = list(lessons(sample.rows, months, sample.features, SEED))
    assert [lesson.as_of for lesson in given] == months
    for lesson in given:
        month = lesson.as_of
        train = lesson.rows.sample(lesson.months, len(sample.table), SEED)
        assert train["snapshot_month"].max() < month
        assert len(train) == (sample.table["snapshot_month"] < month).sum()
        assert sample.rows.rows([month])["snapshot_month"].unique().tolist() == [month]


def test_a_backtest_scores_every_row_of_its_months_once(sample: Training) -> None:
    scores = sample.backtest("logistic_regression", sample.split.test)
    expected = sample.table[sample.table["snapshot_month"].isin(sample.split.test)]
    keys = ["snapshot_month", "opportunity_id", LABEL.name]
    assert_frame_equal(scores[keys], expected[keys].reset_index(drop=True))
    assert scores["probability"].between(0, 1).all()


def test_months_are_divided_into_training_choice_and_report() -> None:
    assert split_months(MONTHS[::-1], 3, 3) == Split(MONTHS[:3], MONTHS[3:7], MONTHS[7:])
    assert split_months(MONTHS[:7], 3, 3) == Split(MONTHS[:3], MONTHS[3:4], MONTHS[4:7])
    assert split_months(MONTHS[:3], 1, 1).scored == MONTHS[1:3]


@pytest.mark.parametrize(
    ("months", "said"),
    [
        (
            [],
            r"^There are 0 labeled months \(none\), but at least 7 are needed: 3 to train, 1 to .*\.$",
        ),
        (
            MONTHS[:2],
            r"^There are 2 labeled months \(2023-02, 2023-03\), .* lower CRM_MIN_TRAINING_MONTHS or .*\.$",
        ),
    ],
)
def test_too_few_months_are_refused_with_a_sentence(months: list[str], said: str) -> None:
    with pytest.raises(NotEnoughDataError, match=said):
        split_months(months, 3, 3)


def test_months_without_any_win_are_refused_with_a_sentence(sample: Training) -> None:
    nothing_won = sample.table.assign(won_next_month=0)
    with pytest.raises(
        NotEnoughDataError, match=r"All labels before .* are the same: .*CRM_MIN_TRAINING_MONTHS"
    ):
        sample.backtest("logistic_regression", sample.split.test, nothing_won)


def test_the_seasonal_rate_is_that_of_earlier_months_in_the_same_place_of_the_quarter(
    sample: Training,
) -> None:
    rates = seasonal_rate(sample.rows, sample.split.test)
    for month, part in rates.groupby("snapshot_month"):
        earlier = sample.table[sample.table["snapshot_month"] < month]
        place = (int(str(month)[-2:]) + 1 - 1) % 3 + 1
        same = earlier[earlier["month_of_quarter"] == place]
        expected = (same if len(same) else earlier)[LABEL.name].mean()
        assert part["probability"].tolist() == pytest.approx([expected] * len(part))

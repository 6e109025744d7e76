"""What a search finds is used only where it may be, and the champion is built as its backtest was."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from sklearn.pipeline import Pipeline

from crm_assets.modeling import champion, tuning
from crm_assets.modeling.algorithm import Algorithm
from crm_assets.modeling.algorithms import algorithm, in_force
from crm_assets.modeling.algorithms.logistic_regression import build
from crm_assets.modeling.backtest import walk_forward
from crm_assets.modeling.tuning import Task, Trial, adopted_row, outcome
from crm_assets_tests.modeling.conftest import SEED, Training


def shrunk(features: list[str], seed: int, *, inverse_penalty: float = 1e-5) -> Pipeline:
    """Build a logistic regression that without a search is shrunk to nothing."""
    return build(features, seed, inverse_penalty=inverse_penalty)


def task(sample: Training) -> Task:
    row = algorithm("logistic_regression")
    space = (replace(row.space[0], low=1e-5),)
    row = replace(row, build=shrunk, space=space)
    assert row.defaults == {"inverse_penalty": 1e-5}
    months = sample.split.validation
    return Task(row, sample.rows, sample.features, months, SEED, sample.chain.snapshot, "csv:one", "abc")


@pytest.fixture(scope="module")
def tried(sample: Training) -> dict[float, Trial]:
    """Score configurations as a search does, without one."""
    found = {}
    for value in (1e-5, 1.0, 1e-4, 1.01):
        parameters = {"inverse_penalty": value}
        *_, last = steps = list(tuning.scored(task(sample), parameters))
        months = {step.month: step.roc_auc for step in steps}
        found[value] = Trial(0, dict(parameters), last.so_far, months)
    return found


def trials(tried: dict[float, Trial], *values: float) -> list[Trial]:
    """Return what a search has found that tried some values in this order."""
    return [replace(tried[value], number=number) for number, value in enumerate(values)]


@pytest.fixture(scope="module")
def searched(sample: Training, tried: dict[float, Trial]) -> pd.DataFrame:
    """Return the stored table of a search that finds something better."""
    one = task(sample)
    found = outcome(one, trials(tried, 1e-5, 1.0, 1e-4))
    assert (found.best.number, found.adopted) == (1, True)
    assert found.gain > found.error > 0
    assert found.after["roc_auc"] - found.before["roc_auc"] == found.gain
    assert "adopted" in found.said
    return tuning.table(one, found)


def test_no_better_than_an_error_is_not_adopted(sample: Training, tried: dict[float, Trial]) -> None:
    one = task(sample)
    found = outcome(one, trials(tried, 1.0, 1.01))
    assert found.gain <= found.error or not found.best.number
    assert not found.adopted
    assert not tuning.table(one, found)["adopted"].any()
    alone = outcome(one, trials(tried, 1.0))
    assert (alone.best.number, alone.gain, alone.error, alone.adopted) == (0, 0, 0, False)


def test_what_is_lost_on_the_months_that_do_not_choose_is_not_adopted(
    sample: Training, tried: dict[float, Trial]
) -> None:
    one = task(sample)
    first, better = trials(tried, 1e-5, 1.0)
    # Each of two lucky trials is best on some months only, and worse than nothing on the others.
    months = list(first.months)
    lucky = [
        replace(better, number=number, months={m: 0.9 if m in good else 0.1 for m in months})
        for number, good in ((1, months[:1]), (2, months[1:]))
    ]
    found = outcome(one, [first, *lucky])
    assert found.gain > found.error > 0 > found.held_out
    assert not found.adopted
    assert "not better there" in found.said


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({}, "Tuned by 3 trials: ROC AUC +0."),
        ({"source": "csv:two"}, "the stored search is of other data (csv:one)"),
        ({"code": "def"}, "the algorithm's code has changed since the search"),
        ({"split": "earlier"}, "which is no validation month now"),
        ({"searched": "none"}, "too few months"),
        ({"searched": "no better"}, "none of 3 trials is clearly better"),
    ],
)
def test_a_stored_search_is_used_only_where_it_may_be(
    sample: Training, searched: pd.DataFrame, changed: dict[str, str], why: str
) -> None:
    row, split = task(sample).algorithm, sample.split
    if changed.get("split"):
        split = replace(split, validation=split.validation[:-1])
    tables = {"none": searched.iloc[:0], "no better": searched.assign(adopted=False)}
    stored = tables.get(changed.get("searched", ""), searched)
    built, tried, said = adopted_row(
        row, stored, changed.get("source", "csv:one"), changed.get("code", "abc"), split
    )
    assert why in said
    expected = ((), 0) if changed else ((("inverse_penalty", 1.0),), 3)
    assert (built.parameters, tried) == expected


def test_the_champion_is_built_as_its_backtest_was(sample: Training, searched: pd.DataFrame) -> None:
    row, _, _ = adopted_row(task(sample).algorithm, searched, "csv:one", "abc", sample.split)
    months = sample.split.scored
    scores = walk_forward(row, sample.rows, sample.features, months, SEED)
    stored = tuning.with_parameters(row, 3, scores)
    assert stored["parameters"].unique().tolist() == ['{"inverse_penalty": 1.0}']
    assert stored["trials"].unique().tolist() == [3]
    assert tuning.with_parameters(row, 0, scores) is scores
    won = champion.candidate(
        sample.rows,
        sample.features,
        {row.name: scores},
        sample.split,
        SEED,
        contenders={row.name: (row, 3)},
    )
    assert (won.parameters, won.trials) == ({"inverse_penalty": 1.0}, 3)
    assert won.model.pipeline[-1].C == 1.0
    assert won.built.parameters == row.parameters


def test_a_search_tries_only_what_its_space_has() -> None:
    row: Algorithm = algorithm("xgboost")
    for wrong in ({"max_depth": 9}, {"max_depth": 2.5}, {"nosuch": 1}, {"subsample": "all"}):
        with pytest.raises(ValueError, match="not in its search space"):
            row.tuned(wrong)


@pytest.mark.parametrize(
    ("names", "why"),
    [(("nosuch",), "no such algorithm: nosuch"), (("xgboost",), "no such algorithm: xgboost")],
)
def test_settings_that_name_no_further_algorithm_are_refused(names: tuple[str, ...], why: str) -> None:
    with pytest.raises(Exception, match=f"CRM_MORE_ALGORITHMS: {why}; there are .*lightgbm"):
        in_force(names)


def test_further_algorithms_take_part_only_if_settings_name_them() -> None:
    assert "lightgbm" not in {row.name for row in in_force(())}
    assert [row.name for row in in_force(("lightgbm", "catboost"))][3:6] == [
        "xgboost",
        "lightgbm",
        "catboost",
    ]

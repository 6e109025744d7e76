"""The within/between test on cohorts whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from crm_assets.modeling.cohorts import Evidence, Moments, within_between

COHORTS, DEALS = 15, 600


def test_what_was_there_from_the_start_has_a_slope_of_zero_however_much_it_says() -> None:
    found = judged(_honest)
    assert found.p_value[0] < 1e-50
    assert abs(found.slope[0]) < found.error[0] < 0.4


def test_what_is_written_at_closing_has_a_slope_of_one() -> None:
    found = judged(_rewritten)
    assert abs(found.slope[0] - 1) < found.error[0] < 0.2
    assert found.fit[0] > 0.95


def test_a_kind_that_loses_more_often_is_no_evidence_either_way() -> None:
    # The share of won among the closed is the same in all cohorts but for chance, which must not count.
    found = judged(_loses)
    assert found.p_value[0] < 1e-50
    assert np.isnan(found.slope[0])
    assert found.error[0] == np.inf
    assert abs(found.shift[0]) < 0.1 * found.effect[0]


@pytest.mark.parametrize("cohorts", [1, 4])
def test_few_cohorts_tell_nothing(cohorts: int) -> None:
    found = judged(_rewritten, cohorts)
    assert np.isnan(found.slope[0])
    assert found.error[0] == np.inf


def test_the_intervals_are_as_wide_as_they_claim() -> None:
    for make, truth in ((_honest, 0), (_rewritten, 1)):
        found = [judged(make, seed=seed) for seed in range(100)]
        inside = [abs(one.slope[0] - truth) < one.error[0] for one in found]
        assert sum(inside) >= 90


def test_an_empty_cohort_changes_nothing_but_the_time() -> None:
    m = moments(_rewritten, COHORTS, 0)
    hole = Moments(*(np.insert(values, 7, 0, axis=0) for values in (m.deals, m.sums, m.squares)))
    assert within_between(hole).slope[0] == pytest.approx(within_between(m).slope[0], abs=0.05)


def judged(make: object, cohorts: int = COHORTS, seed: int = 0) -> Evidence:
    return within_between(moments(make, cohorts, seed))


def moments(make, cohorts: int, seed: int) -> Moments:  # noqa: ANN001
    random = np.random.default_rng(seed)
    cohort = np.repeat(np.arange(cohorts), DEALS)
    # Older cohorts have closed more, with a jump as of a quarter's end.
    pace = np.clip(1.1 - 0.05 * cohort - 0.25 * (cohort % 3 == 1), 0.1, 1)
    value, status = make(random, pace)
    cell = (cohort, status)
    deals, sums = np.zeros((cohorts, 3)), np.zeros((cohorts, 3))
    np.add.at(deals, cell, 1)
    np.add.at(sums, cell, value)
    return Moments(deals, sums[:, :, None], sums[:, :, None])


def _status(random: np.random.Generator, close: np.ndarray, win: np.ndarray | float = 0.6) -> np.ndarray:
    closed, won = random.random(len(close)) < close, random.random(len(close)) < win
    return np.where(closed, np.where(won, 1, 2), 0)


def _honest(random: np.random.Generator, pace: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    slow = random.random(len(pace)) < 0.3
    return slow, _status(random, pace * np.where(slow, 0.4, 1.0))


def _loses(random: np.random.Generator, pace: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    weak = random.random(len(pace)) < 0.3
    return weak, _status(random, pace, np.where(weak, 0.2, 0.7))


def _rewritten(random: np.random.Generator, pace: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    status = _status(random, pace)
    return random.random(len(pace)) < np.where(status == 0, 0.6, 0.1), status

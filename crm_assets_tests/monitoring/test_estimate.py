"""Estimates before labels: right if the probabilities are right, blind to a changed relation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import brier_score_loss, roc_auc_score

from crm_assets.monitoring.estimate import (
    estimates,
    expected_roc_auc,
    of_predictions,
    widened,
    wins_interval,
)

SCORED = {"scored_by": "champion", "algorithm": "xgboost", "model_version": "1"}


def chances(deals: int, seed: int = 0) -> np.ndarray:
    # Rounded, so that there are ties.
    return np.random.default_rng(seed).beta(0.5, 4, deals).round(3)


def test_the_expected_roc_auc_counts_every_pair_of_deals() -> None:
    for chance in (chances(60), np.array([0.0, 0.2, 0.2, 1.0]), np.array([0.3, 0.7])):
        weight = chance[:, None] * (1 - chance)[None, :]
        np.fill_diagonal(weight, 0)
        right = (chance[:, None] > chance[None, :]) + 0.5 * (chance[:, None] == chance[None, :])
        assert expected_roc_auc(chance)[0] == pytest.approx((weight * right).sum() / weight.sum())


def test_estimates_are_what_comes_on_average_and_intervals_hold_four_of_five() -> None:
    chance, random = chances(1500), np.random.default_rng(1)
    said = estimates(chance)
    came = []
    for _ in range(300):
        won = random.random(len(chance)) < chance
        came.append((roc_auc_score(won, chance), brier_score_loss(won, chance), won.sum()))
    for one, values in zip(said, np.array(came).T, strict=True):
        assert one.value == pytest.approx(values.mean(), abs=4 * values.std() / np.sqrt(len(values)))
        assert 0.73 < ((one.lower <= values) & (values <= one.upper)).mean() < 0.88, one.measure


@pytest.mark.parametrize("deals", [3, 12, 200])
@pytest.mark.parametrize("chance", [0.02, 0.3])
def test_the_interval_of_wins_is_the_binomial_one_if_all_chances_are_the_same(
    deals: int, chance: float
) -> None:
    low, high = wins_interval(np.full(deals, chance))
    exact = stats.binom(deals, chance)
    assert abs(low - exact.ppf(0.1)) <= 1
    assert abs(high - exact.ppf(0.9)) <= 1


def test_deals_that_tell_nothing_have_no_roc_auc() -> None:
    for chance in (np.array([0.4]), np.array([1.0, 1.0]), np.zeros(3), np.zeros(0)):
        auc, brier, wins = estimates(chance)
        assert np.isnan(auc.value)
        assert wins.lower <= wins.value <= wins.upper
        assert brier.deals == len(chance)


def test_an_estimate_cannot_see_that_the_relation_has_changed() -> None:
    chance = chances(2000)
    auc = estimates(chance)[0].value
    reversed_outcome = np.random.default_rng(2).random(len(chance)) < chance[::-1]
    assert abs(roc_auc_score(reversed_outcome, chance) - auc) > 0.2
    assert auc == estimates(chance)[0].value


def test_past_months_that_strayed_widen_an_interval_and_few_months_do_not() -> None:
    now = estimates(chances(800))[0]
    past = [(estimates(chances(800, seed))[0], 0.0) for seed in range(1, 6)]
    strayed = [(one, one.value + 0.06 * sign) for (one, _), sign in zip(past, (1, -1, 1, -1, 1), strict=True)]
    kept = [(one, one.value) for one, _ in past]
    assert widened(now, kept) == now
    assert widened(now, strayed[:2]) == now
    wide = widened(now, strayed)
    assert (wide.lower, wide.upper) != (now.lower, now.upper)
    assert wide.lower < now.value - 0.06 < now.value + 0.06 < wide.upper <= 1


def test_the_table_holds_one_row_per_measure_and_none_without_predictions() -> None:
    chance = chances(300)
    rows = of_predictions(pd.DataFrame({"probability": chance} | SCORED), "2017-11")
    assert rows["measure"].tolist() == ["roc_auc", "brier", "wins_of_open_deals"]
    assert set(rows["forecast_month"]) == {"2017-12"}
    assert rows["said"].iloc[2] == pytest.approx(chance.sum())
    nothing = of_predictions(pd.DataFrame(columns=pd.Index(["probability", *SCORED])), "2017-11")
    assert nothing.empty
    assert list(nothing.columns) == list(rows.columns)

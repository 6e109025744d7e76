"""Standard errors by bootstrap over deals."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from crm_assets.modeling import bootstrap
from crm_assets.modeling.bootstrap import auc_difference_error, auc_standard_error, mean_standard_error


def scored(deals: int, months: int = 1, seed: int = 0) -> pd.DataFrame:
    """Return scores of deals, the same in every month."""
    random = np.random.default_rng(seed)
    won = (random.random(deals) < 0.3).astype("int64")
    score = random.normal(size=deals) + won
    return pd.DataFrame(
        {
            "opportunity_id": np.tile([f"D{number}" for number in range(deals)], months),
            "probability": np.tile(score, months),
            "won": np.tile(won, months),
        }
    )


def test_the_error_of_independent_deals_is_that_of_the_formula() -> None:
    # Hanley and McNeil (1982), equation 1, for a ROC AUC of 0.76 with 600 wins of 2,000 deals.
    auc, wins, rest = 0.76, 600, 1_400
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (wins - 1) * (q1 - auc**2) + (rest - 1) * (q2 - auc**2)
    assert auc_standard_error(scored(2_000), "won") == pytest.approx(
        np.sqrt(variance / wins / rest), rel=0.15
    )


def test_the_same_deal_in_more_months_says_nothing_more() -> None:
    once, often = (auc_standard_error(scored(500, months), "won") for months in (1, 4))
    assert often == pytest.approx(once)
    table = scored(500, 4)
    error = mean_standard_error(table, table["won"].to_numpy(dtype="float64"))
    assert error == pytest.approx(np.sqrt(0.3 * 0.7 / 500), rel=0.15)


def test_two_scores_that_rank_alike_differ_without_error_and_independent_ones_with_both_errors() -> None:
    table = scored(1_000)
    won, score = table["won"].to_numpy(), table["probability"].to_numpy()
    assert auc_difference_error(table, won, score, 2 * score) == 0
    other = np.random.default_rng(3).normal(size=len(won))
    own = [auc_standard_error(table.assign(probability=said), "won") for said in (score, other)]
    assert auc_difference_error(table, won, score, other) == pytest.approx(math.hypot(*own), rel=0.2)


def test_many_deals_are_drawn_from_a_part_with_the_error_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    table = scored(8_000)
    whole = auc_standard_error(table, "won")
    monkeypatch.setattr(bootstrap, "DEALS_USED", 2_000)
    assert auc_standard_error(table, "won") == pytest.approx(whole, rel=0.25)


def test_two_computations_give_the_same_error_and_one_outcome_gives_none() -> None:
    table = scored(300)
    assert auc_standard_error(table, "won") == auc_standard_error(table, "won")
    assert np.isnan(auc_standard_error(table.assign(won=0), "won"))


def test_the_weighted_auc_is_that_of_repeated_rows_with_ties() -> None:
    from sklearn.metrics import roc_auc_score

    random = np.random.default_rng(1)
    score, won = np.sort(random.integers(0, 9, 200) / 9.0), random.integers(0, 2, 200).astype("float64")
    times = random.integers(0, 4, 200)
    starts = np.flatnonzero(np.diff(score, prepend=-np.inf))
    expected = roc_auc_score(np.repeat(won, times), np.repeat(score, times))
    assert bootstrap._auc(times.astype("float64"), won, starts) == pytest.approx(expected)

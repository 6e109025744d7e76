"""Data that is not enough for a model: what is missing is told, and the pooled rate speaks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crm_assets.errors import NotEnoughDataError
from crm_assets.modeling.pooled import POOLED_RATE, leaderboard, pooled_rates, rate_in_force
from crm_assets.modeling.sufficiency import usable_split
from crm_assets.modeling.training_rows import HeldRows

MONTHS = [f"2023-{number:02d}" for number in range(1, 11)]


def rows(wins_of_young: int = 30, wins_of_old: int = 5) -> HeldRows:
    """Return three months of 100 deals each, half of them 10 days old and half 200 days."""
    parts = []
    for month in MONTHS[:3]:
        for days, wins in ((10, wins_of_young), (200, wins_of_old)):
            parts.append(
                pd.DataFrame(
                    {
                        "snapshot_month": month,
                        "opportunity_id": [f"{month}-{days}-{number}" for number in range(50)],
                        "days_open": days,
                        "stage_position": [1, 2] * 25,
                        "won_next_month": [1] * wins + [0] * (50 - wins),
                    }
                )
            )
    return HeldRows(pd.concat(parts, ignore_index=True))


OPEN = pd.DataFrame({"opportunity_id": ["young", "old"], "days_open": [12, 300], "stage_position": [1, 2]})


def test_a_deal_has_the_rate_of_past_deals_of_its_age_shrunk_to_that_of_all() -> None:
    found = pooled_rates(rows(), OPEN, "2023-04", [])
    rate = (105 + 0.5) / 301
    assert found["probability"].tolist() == pytest.approx([(90 + 20 * rate) / 170, (15 + 20 * rate) / 170])
    assert [push[0]["feature"] for push in found["pushed_up"] if len(push)] == ["days_open"]
    assert [len(push) for push in found["pushed_down"]] == [0, 1]


def test_only_labels_that_were_known_by_then_count() -> None:
    early = pooled_rates(rows(), OPEN, "2023-02", [])
    assert early["probability"].iloc[0] < pooled_rates(rows(), OPEN, "2023-04", [])["probability"].iloc[0]
    assert pooled_rates(rows(), OPEN, "2023-01", []).empty


def test_the_stage_counts_only_by_leave_of_the_audit() -> None:
    known = rows()
    known.table["won_next_month"] = (known.table["stage_position"] == 2).astype("int64")
    without, with_stage = (pooled_rates(known, OPEN, "2023-04", f) for f in ([], ["stage_position"]))
    assert np.ptp(without["probability"]) < 0.01
    assert with_stage["probability"].iloc[1] > 0.7 > 0.3 > with_stage["probability"].iloc[0]


def test_without_a_win_nothing_is_impossible_and_with_nothing_else_nothing_is_certain() -> None:
    for wins in (0, 50):
        found = pooled_rates(rows(wins, wins), OPEN, "2023-04", [])
        assert found["probability"].between(0.0001, 0.9999).all()


def test_a_month_without_open_deals_has_no_rates() -> None:
    assert pooled_rates(rows(), OPEN.iloc[:0], "2023-04", []).empty


def test_its_leaderboard_says_who_speaks() -> None:
    board = leaderboard()
    assert rate_in_force(board) == POOLED_RATE
    assert rate_in_force(board.assign(contender="xgboost")) is None


def test_few_wins_are_told_with_their_number() -> None:
    with pytest.raises(
        NotEnoughDataError, match=r"^The past months show 30 times that .* needs 40 of each; add"
    ):
        usable_split(dict.fromkeys(MONTHS, 50), dict.fromkeys(MONTHS, 3), 3, 3)


def test_few_months_are_told_with_what_is_needed() -> None:
    with pytest.raises(NotEnoughDataError, match=r"^There are 4 labeled months .* at least 7 are needed"):
        usable_split(dict.fromkeys(MONTHS[:4], 500), dict.fromkeys(MONTHS[:4], 50), 3, 3)


def test_training_months_are_added_until_both_outcomes_are_known() -> None:
    deals = dict.fromkeys(MONTHS, 500)
    assert usable_split(deals, dict.fromkeys(MONTHS, 50), 1, 3).scored == MONTHS[1:]
    late = dict.fromkeys(MONTHS, 50) | dict.fromkeys(MONTHS[:4], 0)
    assert usable_split(deals, late, 1, 3).scored == MONTHS[5:]


def test_months_in_which_nothing_is_won_cannot_choose() -> None:
    wins = dict.fromkeys(MONTHS, 50) | dict.fromkeys(MONTHS[3:7], 0)
    with pytest.raises(NotEnoughDataError, match=r"^No open deal, or every one, is won in 2023-04, "):
        usable_split(dict.fromkeys(MONTHS, 500), wins, 3, 3)

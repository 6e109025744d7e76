"""Dates that a CRM overwrites are convicted, however it does so; plans that nobody touches are not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crm_assets.modeling.overwritten import overwritten_dates

HORIZON, DEALS, DAYS = "2024-03", 4_000, 450
START = np.datetime64("2023-01-01")
END = START + DAYS


def deals_of(seed: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return deals, which of them closed, and a plan for each that was made when it was engaged."""
    random = np.random.default_rng(seed)
    engaged = START + np.sort(random.integers(0, DAYS, DEALS))
    cycle = np.clip(random.gamma(2.2, 25, DEALS), 1, 200).astype("int64")
    never = random.random(DEALS) < 0.2
    closed = ~never & (engaged + cycle < END)
    hoped = np.where(never, random.permutation(cycle), cycle)
    planned = engaged + (hoped * np.exp(random.normal(0, 0.5, DEALS))).astype("int64")
    days = np.where(closed, engaged + cycle, np.datetime64("NaT"))
    return pd.DataFrame({"engage_date": engaged, "close_date": days}), closed, planned


def convicted(deals: pd.DataFrame, planned: np.ndarray) -> list[str]:
    return list(overwritten_dates(deals.assign(expected_close_date=planned), HORIZON))


@pytest.mark.parametrize("seed", range(3))
def test_plans_that_nobody_touches_are_not_convicted(seed: int) -> None:
    deals, _, planned = deals_of(seed)
    assert convicted(deals, planned) == []
    assert convicted(deals, deals["engage_date"].to_numpy() + np.timedelta64(60, "D")) == []


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("share", [1.0, 0.4])
def test_plans_that_closing_replaces_by_the_day_are_convicted(seed: int, share: float) -> None:
    deals, closed, planned = deals_of(seed)
    replaced = closed & (np.random.default_rng(seed).random(DEALS) < share)
    planned = np.where(replaced, deals["close_date"].to_numpy(), planned)
    assert convicted(deals, planned) == ["expected_close_date"]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("share", [1.0, 0.3])
def test_plans_that_sellers_move_while_a_deal_is_open_are_convicted(seed: int, share: float) -> None:
    deals, closed, planned = deals_of(seed)
    random = np.random.default_rng(seed)
    moved = ~closed & (planned < END) & (random.random(DEALS) < share)
    planned = np.where(moved, END + random.integers(1, 60, DEALS), planned)
    assert convicted(deals, planned) == ["expected_close_date"]


def test_the_last_of_several_changes_is_always_convicted() -> None:
    deals, _, planned = deals_of(1)
    found = overwritten_dates(deals.assign(stage_changed_date=planned), HORIZON)
    assert list(found) == ["stage_changed_date"]
    assert found["stage_changed_date"].startswith("which keeps only the last change")


def test_a_handful_of_deals_convicts_no_plan() -> None:
    deals, closed, _ = deals_of(1)
    few = deals[closed].head(10)
    assert convicted(few, few["close_date"].to_numpy()) == []

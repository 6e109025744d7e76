"""The tripwire: scores that fall at the newest month alone, and the feature that makes them fall."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crm_assets.modeling.tripwire import LEAST, MOST_DEALS, compare

MONTHS = [f"2023-{month:02d}" for month in range(4, 11)]
NEWEST = MONTHS[-1]
FEATURES = ["has_account", "product", "account_revenue", "days_open", "month_of_quarter"]


def month(name: str, deals: int = 2_000, with_account: float = 0.8, oldest: int = 150) -> pd.DataFrame:
    random = np.random.default_rng([*name.encode()])
    there = random.random(deals) < with_account
    return pd.DataFrame(
        {
            "snapshot_month": name,
            "opportunity_id": [f"{name}-{number}" for number in range(deals)],
            "days_open": random.integers(0, oldest, deals),
            "month_of_quarter": int(name[-2:]) % 3 + 1,
            "has_account": there,
            "product": random.choice(["A", "B", "C"], deals),
            "account_revenue": np.where(there, random.lognormal(3, 1, deals), np.nan),
        }
    )


def score(rows: pd.DataFrame) -> np.ndarray:
    """Score as a model that has learned that deals without an account never close."""
    young = np.where(rows["days_open"] < 60, 0.2, 0.05)
    season = np.where(rows["month_of_quarter"] == 1, 0.2, 1.0)
    return young * season * np.where(rows["has_account"], 1.0, 0.05)


def months(with_account: float = 0.8) -> dict[str, pd.DataFrame]:
    return {name: month(name) for name in MONTHS} | {NEWEST: month(NEWEST, with_account=with_account)}


def test_months_that_are_alike_raise_no_alarm() -> None:
    found = compare(months(), FEATURES, score)
    assert found is not None
    assert not found.collapsed
    assert found.ratio == pytest.approx(1, abs=0.05)
    assert list(found.scores) == MONTHS


def test_old_deals_and_a_quiet_season_raise_no_alarm() -> None:
    # Without the same age and season, this month would have a fifth of the others' score.
    found = compare(months() | {NEWEST: month(NEWEST, oldest=400)}, FEATURES, score)
    assert found is not None
    assert not found.collapsed


def test_a_value_that_the_newest_month_lacks_raises_the_alarm_and_is_named() -> None:
    found = compare(months(with_account=0.4), FEATURES, score)
    assert found is not None
    assert found.collapsed
    assert found.ratio < 0.6
    assert found.explained["feature"].tolist()[0] == "has_account"
    assert found.explained["explains"].tolist()[0] == pytest.approx(1, abs=0.2)
    assert not {"days_open", "month_of_quarter"} & set(found.explained["feature"])


def test_a_steady_fall_raises_no_alarm() -> None:
    falling = {name: month(name, with_account=0.9 - 0.05 * number) for number, name in enumerate(MONTHS)}
    found = compare(falling, FEATURES, score)
    assert found is not None
    assert not found.collapsed


def test_few_deals_raise_no_alarm_and_too_few_months_cannot_be_compared() -> None:
    few = {name: month(name, deals=40) for name in MONTHS[:-1]} | {
        NEWEST: month(NEWEST, deals=12, with_account=0.6)
    }
    found = compare(few, FEATURES, score)
    assert found is None or not found.collapsed
    assert compare(dict(list(months().items())[-LEAST:]), FEATURES, score) is None
    assert compare(months() | {NEWEST: month(NEWEST).head(0)}, FEATURES, score) is None


def test_many_deals_are_compared_by_a_part_that_is_the_same_each_time() -> None:
    rows = months() | {NEWEST: month(NEWEST, deals=2 * MOST_DEALS)}
    first, again = (compare(rows, FEATURES, score) for _ in range(2))
    assert first is not None
    assert again is not None
    assert first.deals == MOST_DEALS
    assert first.scores == again.scores

"""The hazard of closing finds what made-up deals were made with, and says only what its snapshot knows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit
from threadpoolctl import threadpool_limits

from crm_assets.errors import NotEnoughDataError
from crm_assets.modeling.algorithms import algorithm
from crm_assets.modeling.algorithms.closing_hazard import build, contributions
from crm_assets.modeling.hazard.estimator import ClosingHazard
from crm_assets.modeling.hazard.fit import _smoothed
from crm_assets.modeling.hazard.observed import last_day
from crm_assets_tests.modeling.conftest import Training

ROW = algorithm("closing_hazard")
MONTH, DAYS = "2023-12", 700
LAST = last_day(MONTH)
FEATURES = ["product", "sales_agent", "days_open", "month_of_quarter"]
DAILY, CLOSABLE, WON = 0.03, {"Ann": 0.9, "Bob": 0.5}, {"P": 0.7, "Q": 0.4}


def made_up(count: int = 30_000, seed: int = 3) -> pd.DataFrame:
    """Return a snapshot of deals that close with the same chance every day, if they are closable."""
    random = np.random.default_rng(seed)
    agent, product = random.choice(list(CLOSABLE), count), random.choice(list(WON), count)
    start = LAST - random.integers(0, DAYS, count)
    end = start + random.geometric(DAILY, count) - 1
    closed = (random.random(count) < pd.Series(agent).map(CLOSABLE)) & (end <= LAST)
    won = random.random(count) < pd.Series(product).map(WON)
    return pd.DataFrame(
        {
            "snapshot_month": MONTH,
            "stage": np.where(closed, np.where(won, "Won", "Lost"), "Engaging"),
            "engage_date": start.astype("datetime64[D]"),
            "close_date": pd.Series(end.astype("datetime64[D]")).where(closed),
            "sales_agent": agent,
            "product": product,
        }
    )


def deals(*rows: tuple[str, str, int]) -> pd.DataFrame:
    """Return rows of features: agent, product, days open."""
    table = pd.DataFrame(rows, columns=pd.Index(["sales_agent", "product", "days_open"]))
    return table.assign(snapshot_month=MONTH, month_of_quarter=1)


@pytest.fixture(scope="module")
def fitted() -> ClosingHazard:
    return build(FEATURES, 1).fit(made_up())


def test_it_finds_the_hazard_and_the_shares_that_deals_were_made_with(fitted: ClosingHazard) -> None:
    new = deals(("Ann", "P", 0), ("Ann", "Q", 0), ("Bob", "P", 0), ("Bob", "Q", 0))
    closes = 1 - (1 - DAILY) ** 31
    truth = [CLOSABLE[who] * closes * WON[what] for who, what in new[["sales_agent", "product"]].to_numpy()]
    assert fitted.won_within(new, [1])[:, 0] == pytest.approx(truth, rel=0.12)
    assert fitted.won_within(new, [None])[:, 0] == pytest.approx(np.array(truth) / closes, rel=0.12)
    # After 300 days a closable deal would have closed.
    assert fitted.won_within(deals(("Bob", "P", 300)), [None])[0, 0] < 0.02


def test_chances_never_fall_with_the_horizon_and_end_at_ever(fitted: ClosingHazard) -> None:
    some = deals(("Ann", "P", 3), ("Bob", "Q", 90), ("new", "new", 5_000), ("Ann", "new", 0))
    reach = fitted.won_within(some, [1, 2, 3, 12, None])
    assert (np.diff(reach, axis=1) >= 0).all()
    assert (reach > 0).all()
    assert (reach < 1).all()
    curve = fitted.curve(some, 31)
    assert curve.shape == (4, 31)
    assert (np.diff(curve, axis=1) > 0).all()
    assert curve[:, -1].tolist() == pytest.approx(reach[:, 0].tolist())


def test_its_pushes_add_up_to_the_score(fitted: ClosingHazard) -> None:
    some = deals(("Ann", "P", 3), ("Bob", "Q", 90), ("new", "new", 400))
    pushes = fitted.pushes(some)
    assert list(pushes) == ["age", "season", "group", "cohort", "product"]
    rest = logit(ROW.scores(fitted, some)) - pushes.sum(axis=1).to_numpy()
    assert np.ptp(rest) < 1e-9
    by_feature = contributions(fitted, some, FEATURES)
    assert by_feature.sum(axis=1) == pytest.approx(pushes.sum(axis=1).to_numpy())
    assert pushes.loc[2, ["group", "cohort", "product"]].tolist() == [0, 0, 0]


def test_only_admitted_features_are_looked_at(sample: Training) -> None:
    month = sample.split.scored[0]
    snapshot = sample.chain.snapshot(month)
    table = sample.rows.rows([month])
    for features in (["days_open"], ["month_of_quarter"], ["regional_office", "days_open"], ["list_price"]):
        model = build(features, 1).fit(snapshot)
        others = [name for name in ("sales_agent", "manager", "product") if name not in features]
        blind = build(features, 1).fit(snapshot.assign(**dict.fromkeys(others, "x")))
        matrix = ROW.matrix(table, features)
        scores = ROW.scores(model, matrix)
        assert scores.tolist() == ROW.scores(blind, matrix).tolist()
        assert contributions(model, matrix, features).shape == (len(table), len(features))
        assert set(matrix.columns) == {*features, "snapshot_month"}


def test_the_number_of_threads_changes_no_bit(sample: Training) -> None:
    snapshot = sample.chain.snapshot(sample.chain.months[-1])
    usual = build(FEATURES, 1).fit(snapshot)
    with threadpool_limits(1):
        alone = build(FEATURES, 1).fit(snapshot)
    assert alone.hazard_.tolist() == usual.hazard_.tolist()


@pytest.mark.parametrize("ages", [1, 50, 700, 1_500])
def test_smoothing_in_parts_is_smoothing_at_once(ages: int) -> None:
    random = np.random.default_rng(1)
    kernel, counts = random.random((ages, ages)), random.random((ages, 3))
    np.testing.assert_allclose(_smoothed(kernel, counts), kernel @ counts, rtol=1e-12)


def test_days_before_the_first_recorded_close_do_not_count() -> None:
    whole = made_up()
    first = np.datetime64("2023-03-01")
    seen = whole[whole["close_date"].isna() | (whole["close_date"] >= first)]
    new = deals(("Ann", "P", 0), ("Bob", "P", 0), ("Ann", "P", 60))
    all_days, since = (build(FEATURES, 1).fit(table).won_within(new, [1, 3]) for table in (whole, seen))
    assert since == pytest.approx(all_days, rel=0.25)


def test_deals_without_an_agent_pool_among_themselves() -> None:
    table = made_up()
    table["sales_agent"] = table["sales_agent"].where(table["sales_agent"] == "Ann", None)
    model = build(FEATURES, 1).fit(table)
    chance = model.won_within(deals(("Ann", "P", 0), ("none", "P", 0)), [None])[:, 0]
    assert chance == pytest.approx([0.63, 0.35], rel=0.12)


def test_every_deal_closed_gives_chances_too() -> None:
    table = made_up(2_000)
    model = build(FEATURES, 1).fit(table[table["stage"] != "Engaging"])
    assert 0 < model.won_within(deals(("Ann", "P", 0)), [1])[0, 0] < 1


def test_a_snapshot_without_a_closed_deal_is_refused_with_a_sentence() -> None:
    table = made_up(200)
    with pytest.raises(NotEnoughDataError, match=r"^No deal is closed by .*; add months of data\.$"):
        build(FEATURES, 1).fit(table[table["stage"] == "Engaging"])

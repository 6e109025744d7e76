"""From probabilities to revenue."""

from __future__ import annotations

from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from crm_assets.crm.tables import MONTHLY_SNAPSHOTS, REVENUE_FORECAST, WIN_PREDICTIONS
from crm_assets.modeling.forecast import LEVELS, TOTAL, expected_values, revenue_forecast, without_price
from crm_assets.modeling.frames import coded
from crm_assets.modeling.outlook import past
from crm_assets.modeling.outlook.cells import Cells
from crm_assets.modeling.outlook.combine import bounds, combined
from crm_assets.modeling.outlook.history import COLUMNS, History
from crm_assets.modeling.outlook.walk import Walk, reach
from crm_assets_tests.chain import Chain


def snapshot(*deals: tuple[str, str, str, float | None, float | None]) -> ibis.Table:
    rows = [
        {
            "opportunity_id": name,
            "stage": stage,
            "product": product,
            "list_price": price,
            "close_value": value,
        }
        for name, stage, product, price, value in deals
    ]
    return ibis.memtable(pa.Table.from_pylist(rows, MONTHLY_SNAPSHOTS.arrow))


def values(table: ibis.Table) -> dict[str, float]:
    rows = expected_values(table).to_pyarrow().to_pylist()
    return {row["opportunity_id"]: row["expected_value"] for row in rows}


def test_a_deal_is_worth_its_own_amount_times_what_won_deals_fetched_of_theirs() -> None:
    rows = [
        {"opportunity_id": "W1", "stage": "Won", "product": "P", "amount": 100.0, "close_value": 80.0},
        {"opportunity_id": "W2", "stage": "Won", "product": "P", "amount": None, "close_value": 60.0},
        {"opportunity_id": "O1", "stage": "Engaging", "product": "P", "amount": 50.0, "list_price": 9.0},
        {"opportunity_id": "O2", "stage": "Engaging", "product": "P", "list_price": 9.0},
        {"opportunity_id": "O3", "stage": "Engaging", "product": "P", "amount": 0.0},
    ]
    table = ibis.memtable(pa.Table.from_pylist(rows, MONTHLY_SNAPSHOTS.arrow))
    assert values(table) == pytest.approx({"O1": 40.0, "O2": 9.0, "O3": 70.0})


def test_without_products_amounts_or_prices_a_deal_is_worth_what_won_deals_fetched() -> None:
    table = snapshot(
        ("W1", "Won", "P", 1.0, 80.0), ("W2", "Won", "Q", 1.0, 20.0), ("O1", "Engaging", "P", 1.0, None)
    )
    assert values(table.drop("product", "list_price", "amount", "account")) == {"O1": 50.0}


def test_a_deal_is_worth_its_list_price_times_what_won_deals_of_its_product_fetched_of_theirs() -> None:
    table = snapshot(
        ("W1", "Won", "P", 100.0, 80.0),
        ("W2", "Won", "P", 100.0, 90.0),
        ("W3", "Won", "Q", 1_000.0, 1_100.0),
        ("L1", "Lost", "P", 100.0, 0.0),
        ("O1", "Engaging", "P", 100.0, None),
        ("O2", "Engaging", "Q", 1_000.0, None),
        ("O3", "Engaging", "new", 10.0, None),
        ("S1", "Prospecting", "P", 100.0, None),
    )
    assert values(table) == pytest.approx({"O1": 85.0, "O2": 1_100.0, "O3": 10 * 1_270 / 1_200})


def test_while_nothing_is_won_a_deal_is_worth_its_list_price() -> None:
    table = snapshot(("L1", "Lost", "P", 100.0, 0.0), ("O1", "Engaging", "P", 70.0, None))
    assert values(table) == {"O1": 70.0}


def test_a_deal_without_a_list_price_is_worth_what_won_deals_of_its_product_fetched() -> None:
    table = snapshot(
        ("W1", "Won", "P", 0.0, 500.0),
        ("W2", "Won", "P", 0.0, 600.0),
        ("W3", "Won", "Q", 1_000.0, 1_100.0),
        ("W4", "Won", "Q", 1_000.0, None),
        ("O1", "Engaging", "P", 0.0, None),
        ("O2", "Engaging", "Q", 1_000.0, None),
        ("O3", "Engaging", "new", None, None),
    )
    assert values(table) == pytest.approx({"O1": 550.0, "O2": 1_100.0, "O3": 2_200 / 3})
    assert without_price(table).to_pyarrow()["opportunity_id"].to_pylist() == ["O1", "O3"]


def test_every_open_deal_of_a_month_has_a_worth(small_chain: Chain) -> None:
    for month in small_chain.months[::4]:
        known = small_chain.store.read("monthly_snapshots", [month])
        worth = small_chain.store.to_pandas(expected_values(known))
        assert worth["opportunity_id"].tolist() == small_chain.features(month)["opportunity_id"].tolist()
        assert (worth["expected_value"] > 0).all()


FEATURES = ["product", "sales_agent", "days_open", "month_of_quarter"]
MONTH = "2023-12"


@pytest.fixture(scope="module")
def known(small_chain: Chain) -> pd.DataFrame:
    return coded(small_chain.store.read("monthly_snapshots", [MONTH]).select(COLUMNS).to_pyarrow())


@pytest.fixture(scope="module")
def memo() -> dict[Any, Any]:
    """Return what predictions and forecast share, as in a run."""
    return {}


@pytest.fixture(scope="module")
def predictions(small_chain: Chain, known: pd.DataFrame, memo: dict[Any, Any]) -> pd.DataFrame:
    """Return the predictions of a champion whose chances are those of the hazard."""
    walk = Walk(History.of(known, MONTH), FEATURES, memo)
    open_deals = walk.history.deals[walk.history.open_at(MONTH)]
    first = open_deals[["opportunity_id"]].assign(probability=walk.chances(MONTH)[:, 0])
    worth = small_chain.store.to_pandas(expected_values(small_chain.store.read("monthly_snapshots", [MONTH])))
    made = first.merge(reach(walk, first)).merge(worth)
    return made.assign(expected_revenue=made["probability"] * made["expected_value"])


@pytest.fixture(scope="module")
def forecast(predictions: pd.DataFrame, known: pd.DataFrame, memo: dict[Any, Any]) -> pd.DataFrame:
    return revenue_forecast(predictions, known, MONTH, FEATURES, memo)


def test_every_level_of_every_horizon_adds_up_to_the_total(
    forecast: pd.DataFrame, predictions: pd.DataFrame
) -> None:
    assert list(forecast.columns) == REVENUE_FORECAST.names
    assert forecast["horizon_months"].unique().tolist() == [1, 2, 3]
    assert forecast["forecast_month"].unique().tolist() == ["2024-01", "2024-02", "2024-03"]
    means = [f"{part}_{what}" for part in ("expected", "new", "total") for what in ("wins", "revenue")]
    sums = forecast.groupby(["horizon_months", "level"])[["open_deals", *means]].sum()
    for horizon in (1, 2, 3):
        assert set(sums.loc[horizon].index) == {TOTAL, *LEVELS}
        for level in LEVELS:
            assert sums.loc[(horizon, level)].tolist() == pytest.approx(sums.loc[(horizon, TOTAL)].tolist())
    total = sums.loc[(1, TOTAL)]
    assert total["open_deals"] == len(predictions)
    assert total["expected_wins"] == pytest.approx(predictions["probability"].sum())
    assert total["expected_revenue"] == pytest.approx(predictions["expected_revenue"].sum())
    assert sums.loc[(3, TOTAL), "expected_wins"] == pytest.approx(predictions["probability_3_months"].sum())
    assert (sums["total_wins"] - sums["expected_wins"] - sums["new_wins"]).abs().max() < 1e-9


def test_the_total_comes_first_then_levels_with_their_names_in_order(forecast: pd.DataFrame) -> None:
    first = forecast[forecast["horizon_months"] == 1]
    assert first["level"].unique().tolist() == [TOTAL, *LEVELS]
    agents = first.loc[first["level"] == "sales_agent", "name"].tolist()
    assert agents == sorted(agents)


def test_longer_horizons_are_never_less_likely(predictions: pd.DataFrame) -> None:
    chances = predictions[
        ["probability", "probability_2_months", "probability_3_months", "probability_ever"]
    ].to_numpy()
    assert (np.diff(chances, axis=1) >= 0).all()
    assert chances.min() > 0
    assert chances.max() < 1


def test_intervals_hold_their_mean_and_are_missing_while_months_are_too_few(
    forecast: pd.DataFrame, predictions: pd.DataFrame, known: pd.DataFrame
) -> None:
    total = forecast[forecast["level"] == TOTAL]
    for what in ("wins", "revenue"):
        assert (total[f"total_{what}_low"] <= total[f"total_{what}"]).all()
        assert (total[f"total_{what}"] <= total[f"total_{what}_high"]).all()
    assert (forecast.filter(like="_low") >= 0).all(axis=None)
    since = known["close_date"].isna() | (known["close_date"] >= pd.Timestamp("2023-11-01"))
    young = revenue_forecast(predictions, known[since], MONTH, FEATURES)
    assert young.filter(regex="_(low|high)$").isna().all(axis=None)
    assert young["total_wins"].notna().all()


def test_deals_without_a_manager_are_not_left_out_of_the_forecast(
    predictions: pd.DataFrame, known: pd.DataFrame
) -> None:
    some = known.assign(manager=known["manager"].where(known["manager"] != known["manager"].iloc[0]))
    forecast = revenue_forecast(predictions, some, MONTH, FEATURES)
    managers = forecast[(forecast["level"] == "manager") & (forecast["horizon_months"] == 1)]
    assert managers["name"].isna().sum() == 1
    assert managers["expected_wins"].sum() == pytest.approx(predictions["probability"].sum())


@pytest.mark.parametrize("lacking", [["sales_agent", "manager"], ["product", "list_price"], list(LEVELS)])
def test_a_crm_that_lacks_columns_is_forecast_by_the_levels_that_it_has(
    predictions: pd.DataFrame, known: pd.DataFrame, lacking: list[str]
) -> None:
    forecast = revenue_forecast(predictions, known.drop(columns=lacking), MONTH, FEATURES)
    there = [level for level in LEVELS if level not in lacking]
    assert forecast["level"].unique().tolist() == [TOTAL, *there]
    total = forecast[(forecast["level"] == TOTAL) & (forecast["horizon_months"] == 1)].iloc[0]
    assert total["expected_wins"] == pytest.approx(predictions["probability"].sum())
    assert total["total_wins"] >= total["expected_wins"]


def test_while_no_deal_is_closed_only_open_deals_are_forecast(
    predictions: pd.DataFrame, known: pd.DataFrame
) -> None:
    young = known[known["stage"] == "Engaging"]
    forecast = revenue_forecast(predictions, young, MONTH, FEATURES)
    assert forecast["new_wins"].eq(0).all()
    assert forecast["total_wins_low"].isna().all()
    totals = forecast[forecast["level"] == TOTAL]
    assert totals["total_wins"].iloc[0] == pytest.approx(predictions["probability"].sum())


def test_closed_deals_without_an_engage_date_count_among_the_wins(known: pd.DataFrame) -> None:
    undated = known["close_date"].notna() & (known["sales_agent"] == known["sales_agent"].iloc[0])
    some = known.assign(engage_date=known["engage_date"].where(~undated))
    whole, history = History.of(known, MONTH), History.of(some, MONTH)
    assert history.won_within("2023-08", 2).sum() == whole.won_within("2023-08", 2).sum()
    assert Walk(history, FEATURES).chances(MONTH).shape == Walk(whole, FEATURES).chances(MONTH).shape


def test_the_forecast_of_a_month_knows_nothing_that_comes_later(small_chain: Chain) -> None:
    later = coded(small_chain.store.read("monthly_snapshots", [MONTH]).select(COLUMNS).to_pyarrow())
    then = coded(small_chain.store.read("monthly_snapshots", ["2023-09"]).select(COLUMNS).to_pyarrow())
    whole, known = Walk(History.of(later, MONTH), FEATURES), Walk(History.of(then, "2023-09"), FEATURES)
    assert known.chances("2023-09").tolist() == whole.chances("2023-09").tolist()
    assert known.history.fingerprint("2023-08") == whole.history.fingerprint("2023-08")
    cells = Cells(known.history)
    made = past.forecasts(known, cells, 1, past.open_deals(known, "2023-09", 1))
    again = past.forecasts(whole, Cells(whole.history), 1, past.open_deals(whole, MONTH, 1))
    for one, other in zip(made, again, strict=False):
        assert one.month == other.month
        for part in past.PARTS:
            assert one.mean[part, past.WINS][0] == pytest.approx(other.mean[part, past.WINS][0])


def test_a_month_without_predictions_has_an_empty_forecast_that_can_be_stored(small_chain: Chain) -> None:
    nothing = WIN_PREDICTIONS.arrow.empty_table().to_pandas()
    forecast = revenue_forecast(nothing, small_chain.snapshot("2022-10"), "2022-10", FEATURES)
    assert len(forecast) == 0
    assert list(forecast.columns) == REVENUE_FORECAST.names
    assert small_chain.store.write("empty_forecast", forecast, REVENUE_FORECAST.arrow, "2022-10") == 0


def test_the_better_method_so_far_decides() -> None:
    past_months = [({"good": 101.0, "bad": 150.0}, 100.0), ({"good": 203.0, "bad": 300.0}, 200.0)]
    assert combined({"good": 50.0, "bad": 90.0}, past_months) == pytest.approx(50.0, abs=0.5)
    assert combined({"first": 7.0, "second": 9.0}, past_months[:1]) == 7.0


def test_a_gamma_interval_holds_four_fifths() -> None:
    low, high = bounds(np.array([100.0, 0.0]), np.array([400.0, 0.0]))
    random = np.random.default_rng(1).gamma(100**2 / 400, 400 / 100, 20_000)
    assert ((random >= low[0]) & (random <= high[0])).mean() == pytest.approx(0.8, abs=0.01)
    assert (low[1], high[1]) == (0, 0)

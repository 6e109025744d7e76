"""From probabilities to revenue."""

from __future__ import annotations

import ibis
import pandas as pd
import pyarrow as pa
import pytest

from crm_assets.crm.tables import MONTHLY_SNAPSHOTS, REVENUE_FORECAST, WIN_PREDICTIONS
from crm_assets.modeling.forecast import LEVELS, TOTAL, expected_values, revenue_forecast, without_price
from crm_assets_tests.chain import Chain

PREDICTIONS = pd.DataFrame(
    {
        "snapshot_month": "2023-06",
        "opportunity_id": ["D1", "D2", "D3"],
        "sales_agent": ["Ann", "Bob", "Ann"],
        "manager": ["Max", None, "Max"],
        "regional_office": ["East", "West", "East"],
        "product": ["P", "P", "Q"],
        "probability": [0.5, 0.25, 0.1],
        "expected_revenue": [50.0, 25.0, 1.0],
    }
)


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


def test_the_forecast_has_the_levels_that_the_crm_has() -> None:
    forecast = revenue_forecast(PREDICTIONS.drop(columns=["manager", "regional_office"]), "2023-06")
    assert set(forecast["level"]) == {TOTAL, "sales_agent", "product"}


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


def test_every_open_deal_of_every_month_has_a_worth(small_chain: Chain) -> None:
    for month in small_chain.months:
        known = small_chain.store.read("monthly_snapshots", [month])
        worth = small_chain.store.to_pandas(expected_values(known))
        assert worth["opportunity_id"].tolist() == small_chain.features(month)["opportunity_id"].tolist()
        assert (worth["expected_value"] > 0).all()


def test_a_forecast_adds_up_in_total_and_by_level() -> None:
    forecast = revenue_forecast(PREDICTIONS, "2023-06")
    assert list(forecast.columns) == REVENUE_FORECAST.names
    assert forecast["snapshot_month"].eq("2023-06").all()
    assert forecast["forecast_month"].eq("2023-07").all()
    sums = forecast.groupby("level")[["open_deals", "expected_wins", "expected_revenue"]].sum()
    assert set(sums.index) == {TOTAL, *LEVELS}
    for level in sums.index:
        assert sums.loc[level].tolist() == pytest.approx([3, 0.85, 76.0])
    ann = forecast[(forecast["level"] == "sales_agent") & (forecast["name"] == "Ann")].iloc[0]
    assert ann[["open_deals", "expected_wins", "expected_revenue"]].tolist() == pytest.approx([2, 0.6, 51.0])


def test_the_total_comes_first_then_levels_with_their_names_in_order() -> None:
    forecast = revenue_forecast(PREDICTIONS, "2023-06")
    assert forecast["level"].iloc[0] == TOTAL
    assert forecast["level"].unique().tolist() == [TOTAL, *LEVELS]
    assert forecast.loc[forecast["level"] == "sales_agent", "name"].tolist() == ["Ann", "Bob"]


def test_deals_without_a_manager_are_not_left_out_of_the_forecast() -> None:
    forecast = revenue_forecast(PREDICTIONS, "2023-06")
    managers = forecast[forecast["level"] == "manager"]
    assert len(managers) == 2
    assert managers.loc[managers["name"].isna(), "expected_wins"].tolist() == [0.25]


def test_december_forecasts_january() -> None:
    assert revenue_forecast(PREDICTIONS, "2023-12")["forecast_month"].unique().tolist() == ["2024-01"]


def test_a_month_without_predictions_has_an_empty_forecast_that_can_be_stored(small_chain: Chain) -> None:
    forecast = revenue_forecast(WIN_PREDICTIONS.arrow.empty_table().to_pandas(), "2022-10")
    assert len(forecast) == 0
    assert list(forecast.columns) == REVENUE_FORECAST.names
    assert small_chain.store.write("empty_forecast", forecast, REVENUE_FORECAST.arrow, "2022-10") == 0

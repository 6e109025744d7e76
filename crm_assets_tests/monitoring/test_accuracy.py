"""What was said and what came: by level, by whom, with what was stored then."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crm_assets.crm.months import month_end, shift
from crm_assets.crm.targets import TARGETS, Target
from crm_assets.insight.overrides import OVERRIDES
from crm_assets.modeling.outlook.history import History
from crm_assets.monitoring.accuracy import Stored, said_and_came
from crm_assets.monitoring.outcome import Outcome
from crm_assets.monitoring.summary import (
    bias,
    by_month,
    figures,
    others,
    over_several_months,
    quality_by_month,
)
from crm_assets.monitoring.tables import FORECAST_ACCURACY

SAID_IN, MONTH = "2017-05", "2017-06"


def deal(number: int, stage: str, closed: str | None, manager: str, engaged: str = "2017-02-10") -> dict:
    return {
        "opportunity_id": f"D{number:02d}",
        "stage": stage,
        "engage_date": engaged,
        "close_date": closed,
        "close_value": 100.0 * number if stage == "Won" else None,
        "list_price": 500.0,
        "product": "Desk" if number % 2 else "Chair",
        "sales_agent": f"Agent {manager}",
        "manager": manager,
        "regional_office": "West",
    }


@pytest.fixture
def outcome() -> Outcome:
    deals = [deal(n, "Won", "2017-03-10", "Ada") for n in range(1, 4)]
    # Open at the end of May: two of Ada's four are won in June, one of Bo's two.
    deals += [deal(n, "Won", "2017-06-20", "Ada") for n in (4, 5)]
    deals += [deal(6, "Lost", "2017-06-21", "Ada"), deal(7, "Engaging", None, "Ada")]
    deals += [deal(8, "Won", "2017-06-30", "Bo"), deal(9, "Won", "2017-07-01", "Bo")]
    # New business of June.
    deals += [deal(10, "Won", "2017-06-25", "Bo", engaged="2017-06-02")]
    return Outcome(History.of(pd.DataFrame(deals), "2017-07"), MONTH)


def predictions() -> pd.DataFrame:
    ids = [f"D{n:02d}" for n in (4, 5, 6, 7, 8, 9)]
    made = {"scored_by": "champion", "algorithm": "xgboost", "model_version": "3"}
    return pd.DataFrame({"opportunity_id": ids, "probability": [0.8, 0.3, 0.5, 0.1, 0.6, 0.2]} | made)


def forecast() -> pd.DataFrame:
    rows = [
        ("total", "all deals", 6, 2.5, 1.0),
        ("manager", "Ada", 4, 1.7, 0.5),
        ("manager", "Bo", 2, 0.8, 0.5),
    ]
    parts = []
    for level, name, open_deals, expected, new in rows:
        row: dict = {"level": level, "name": name, "open_deals": open_deals, "horizon_months": 1}
        for part, wins in (("expected", expected), ("new", new), ("total", expected + new)):
            for measure, each in (("wins", 1.0), ("revenue", 500.0)):
                said = wins * each
                row |= {f"{part}_{measure}": said, f"{part}_{measure}_low": 0.5 * said}
                row |= {f"{part}_{measure}_high": 1.2 * said}
        parts.append(row)
    return pd.DataFrame([*parts, {**parts[0], "horizon_months": 3, "total_wins": 99.0}])


def one(rows: pd.DataFrame, **where: str) -> pd.Series:
    for name, value in where.items():
        rows = rows[rows[name] == value]
    assert len(rows) == 1, rows
    return rows.iloc[0]


def test_wins_and_revenue_stand_beside_what_came_by_level(outcome: Outcome) -> None:
    rows = said_and_came(Stored(predictions(), forecast()), outcome)
    assert list(rows.columns) == FORECAST_ACCURACY.names
    assert not rows.duplicated(list(FORECAST_ACCURACY.key)).any()
    total = one(rows, level="total", measure="wins", by="model")
    assert (total["said"], total["came"], total["inside"]) == (3.5, 4.0, True)
    assert total["bias"] == pytest.approx(-0.5 / 4)
    assert (total["snapshot_month"], total["stored"], total["model_version"]) == (SAID_IN, "later", "3")
    assert one(rows, level="total", measure="wins_of_open_deals", by="model")["came"] == 3
    assert one(rows, level="total", measure="revenue_of_new_business", by="model")["came"] == 1000
    own = one(rows, level="manager", name="Ada", measure="revenue", by="model")
    assert (own["said"], own["came"], own["deals"]) == (1100, 900, 4)
    # The forecast has no level of products: nothing was said of them, and that is not 0.
    products = rows[(rows["level"] == "product") & (rows["by"] == "model")]
    assert len(products)
    assert products["said"].isna().all()
    assert bias(rows, "product").empty
    # What came has them all the same, and every level adds up.
    for level in ("manager", "product"):
        wins = rows[(rows["level"] == level) & (rows["measure"] == "wins") & (rows["by"] == "model")]
        assert wins["came"].sum() == total["came"]


def test_predictions_of_deals_are_judged_beside_estimate_season_and_tenths(outcome: Outcome) -> None:
    rows = said_and_came(Stored(predictions(), forecast(), then=True), outcome)
    totals = rows[rows["level"] == "total"]
    # Won: 0.8, 0.3 and 0.6; not won: 0.5, 0.1 and 0.2, so 8 of 9 pairs are ranked right.
    assert one(totals, measure="roc_auc", by="model")["came"] == pytest.approx(8 / 9)
    estimate = one(totals, measure="wins_of_open_deals", by="estimate")
    assert (estimate["said"], estimate["came"]) == (pytest.approx(2.5), 3)
    # No deal was won in April and May, and all three of March were: the season is March's, of seven deals.
    season = one(totals, measure="wins_of_open_deals", by="season")
    assert season["came"] == 3
    assert one(totals, measure="wins", by="season")["said"] == 3
    tenths = rows[rows["level"] == "decile"]
    assert tenths["deals"].sum() == 6
    assert tenths["said"].is_monotonic_increasing
    assert set(rows["stored"]) == {"then"}


def test_several_months_that_were_forecast_together_are_judged_when_the_last_is_over(
    outcome: Outcome,
) -> None:
    until_july = Outcome(outcome.history, "2017-07", TARGETS[1])
    assert until_july.said_in == SAID_IN
    said = predictions().assign(probability_2_months=[0.9, 0.4, 0.6, 0.2, 0.7, 0.3])
    together = forecast()[lambda rows: rows["horizon_months"] == 1].assign(horizon_months=2)
    rows = said_and_came(Stored(said, pd.concat([forecast(), together])), until_july)
    assert set(rows["horizon_months"]) == {2}
    assert not rows.duplicated(list(FORECAST_ACCURACY.key)).any()
    # The wins of June, and D09 of July; the season is what was won in March and April.
    total = one(rows, level="total", measure="wins", by="model")
    assert (total["forecast_month"], total["snapshot_month"]) == ("2017-07", SAID_IN)
    assert (total["said"], total["came"]) == (3.5, 5)
    assert one(rows, level="total", measure="wins", by="season")["said"] == 3
    assert one(rows, measure="roc_auc", by="model")["came"] == pytest.approx(6 / 8)
    # An estimate is made of the next month alone.
    assert set(rows["by"]) == {"model", "season"}
    next_month = said_and_came(Stored(said, forecast()), outcome)
    both = pd.concat([next_month, rows], ignore_index=True)
    pd.testing.assert_frame_equal(by_month(both), by_month(next_month))
    (row,) = over_several_months(both).to_dict("records")
    assert (row["month"], row["months"], row["wins came"]) == ("2017-07", 2, 5)
    # A month that was stored before there was this target says nothing about it.
    assert said_and_came(Stored(predictions(), forecast()), until_july).empty


def test_the_season_of_many_months_ended_before_the_forecast(outcome: Outcome) -> None:
    four = Outcome(outcome.history, "2017-10", Target("won_in_4_months", 4))
    assert four.said_in == "2017-06"
    # July was not over, so it is not April to July; and before March nothing is known.
    assert four.season() is None


def test_deals_that_have_vanished_from_the_crm_count_for_nothing(outcome: Outcome) -> None:
    gone = predictions().assign(opportunity_id=lambda rows: rows["opportunity_id"].replace("D04", "X"))
    rows = said_and_came(Stored(gone, forecast()), outcome)
    brier = one(rows, level="total", measure="brier", by="model")
    assert brier["deals"] == 5
    assert brier["came"] == pytest.approx(np.mean([0.49, 0.25, 0.01, 0.16, 0.04]))


def test_the_crms_own_numbers_and_peoples_stand_beside_the_models(outcome: Outcome) -> None:
    crm = predictions()[["opportunity_id"]].assign(
        crm_probability=[0.9, 0.9, 0.1, 0.1, 0.9, None], forecast_category=["Commit"] * 3 + ["Pipeline"] * 3
    )
    made = [("deal", "D04", 0.4), ("deal", "D07", 0.6), ("manager", "Ada", 700.0), ("manager", "Ada", 950.0)]
    own = pd.DataFrame(made, columns=pd.Index(["subject", "name", "number"])).assign(
        forecast_month=MONTH, note="", author="one", made_at="2017-06-01"
    )[OVERRIDES.names]
    rows = said_and_came(Stored(predictions(), forecast(), crm=crm, overrides=own), outcome)
    assert one(rows, level="total", measure="roc_auc", by="crm_probability")[["came", "deals"]].tolist() == [
        1,
        5,
    ]
    commit = one(rows, level="forecast_category", name="Commit", by="crm_category")
    assert commit["came"] == pytest.approx(2 / 3)
    person = one(rows, level="manager", name="Ada", by="override")
    assert (person["said"], person["came"]) == (950, 900)
    assert one(rows, measure="brier", by="override")["came"] == pytest.approx((0.36 + 0.36) / 2)
    assert one(rows, measure="brier", by="model_where_overridden")["came"] == pytest.approx((0.04 + 0.01) / 2)


def test_a_month_that_nobody_predicted_has_no_rows(outcome: Outcome) -> None:
    rows = said_and_came(Stored(predictions().iloc[:0], forecast().iloc[:0]), outcome)
    assert rows.empty
    assert list(rows.columns) == FORECAST_ACCURACY.names


def test_people_read_a_row_per_month_and_the_bias_per_name(outcome: Outcome) -> None:
    first = said_and_came(Stored(predictions(), forecast()), outcome)
    second = first.assign(forecast_month=shift(MONTH, 1), came=first["came"] * 2)
    rows = pd.concat([first, second], ignore_index=True)
    table = by_month(rows)
    assert table["month"].tolist() == [MONTH, shift(MONTH, 1)]
    assert table["wins came"].tolist() == [4, 8]
    assert table["wins 80 %"].iloc[0] == "2 to 4"
    assert quality_by_month(rows)["Brier came"].notna().all()
    assert figures(first)["wins came"] == 4
    ada = one(bias(rows, "manager"), name="Ada")
    assert (ada["revenue said"], ada["revenue came"], ada["months"]) == (2200, 2700, 2)
    assert ada["bias of revenue (%)"] == pytest.approx(-18.5)
    assert {"model", "estimate", "season"} <= set(others(first)["by"])
    assert month_end(MONTH).isoformat() == "2017-06-30"

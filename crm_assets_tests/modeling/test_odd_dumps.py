"""The whole forecast of odd dumps: every number is there and agrees with the others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from crm_assets.console.summary import _expected, _totals
from crm_assets.crm.tables import CURRENT_PREDICTIONS, REVENUE_FORECAST
from crm_assets.modeling.calibration_row import inner
from crm_assets.modeling.forecast import TOTAL, expected_values, revenue_forecast
from crm_assets.modeling.frames import coded
from crm_assets.modeling.outlook.current import current_predictions
from crm_assets.modeling.outlook.history import COLUMNS, History
from crm_assets.modeling.outlook.walk import Walk, reach
from crm_assets_tests.chain import Chain

FEATURES = ["product", "sales_agent", "days_open", "month_of_quarter"]
MONTH, NOW = "2023-12", date(2023, 12, 31)
CHANCES = ["probability", "probability_2_months", "probability_3_months", "probability_ever"]

Change = Callable[[pd.DataFrame], pd.DataFrame]


def no_wins_in_some_months(deals: pd.DataFrame) -> pd.DataFrame:
    quiet = deals["close_date"].between(pd.Timestamp("2023-06-01"), pd.Timestamp("2023-09-30"))
    return deals.assign(stage=deals["stage"].astype(str).mask(quiet, "Lost"))


def nothing_closes_for_months(deals: pd.DataFrame) -> pd.DataFrame:
    quiet = deals["close_date"].between(pd.Timestamp("2023-06-01"), pd.Timestamp("2023-10-31"))
    return deals[~quiet]


def all_open(deals: pd.DataFrame) -> pd.DataFrame:
    return deals.assign(stage="Engaging", close_date=pd.NaT, close_value=np.nan)


def all_closed(deals: pd.DataFrame) -> pd.DataFrame:
    return deals[deals["close_date"].notna()]


def all_closed_are(stage: str) -> Change:
    def change(deals: pd.DataFrame) -> pd.DataFrame:
        return deals.assign(stage=deals["stage"].astype(str).where(deals["close_date"].isna(), stage))

    return change


def one_product_never_wins(deals: pd.DataFrame) -> pd.DataFrame:
    mine = (deals["product"] == deals["product"].iloc[0]) & deals["close_date"].notna()
    return deals.assign(stage=deals["stage"].astype(str).mask(mine, "Lost"))


def two_months(deals: pd.DataFrame) -> pd.DataFrame:
    return deals[deals["engage_date"] >= pd.Timestamp("2023-11-01")]


def few(many: int) -> Change:
    return lambda deals: deals.iloc[:: len(deals) // many].head(many)


def one_closed(deals: pd.DataFrame) -> pd.DataFrame:
    first = deals["close_date"].notna() & (deals["stage"].astype(str) == "Won")
    return pd.concat([deals[deals["close_date"].isna()], deals[first].tail(1)])


def closed_before_engaged(deals: pd.DataFrame) -> pd.DataFrame:
    days = pd.Timedelta(days=20)
    return deals.assign(close_date=(deals["close_date"] - days).clip(lower=pd.Timestamp("2023-03-01")))


def all_engaged_on_one_day(deals: pd.DataFrame) -> pd.DataFrame:
    day = pd.Timestamp("2023-02-01")
    return deals.assign(engage_date=deals["engage_date"].where(deals["engage_date"].isna(), day))


def assigned(**values: object) -> Change:
    return lambda deals: deals.assign(**values)


def times(factor: float) -> Change:
    return lambda deals: deals.assign(
        close_value=deals["close_value"] * factor, list_price=deals["list_price"] * factor
    )


ODD: dict[str, Change] = {
    "no wins in some months": no_wins_in_some_months,
    "nothing closes for months": nothing_closes_for_months,
    "one agent": assigned(sales_agent="Anna", manager="Bert", regional_office="West"),
    "no agent": assigned(sales_agent=None, manager=None, regional_office=None, product=None),
    "all open": all_open,
    "all closed": all_closed,
    "all closed are won": all_closed_are("Won"),
    "all closed are lost": all_closed_are("Lost"),
    "one product never wins": one_product_never_wins,
    "two months": two_months,
    "30 deals": few(30),
    "3 deals": few(3),
    "one closed": one_closed,
    "closed before engaged": closed_before_engaged,
    "no values": assigned(close_value=np.nan),
    "no values and no prices": assigned(close_value=np.nan, list_price=np.nan),
    "values of 0": assigned(close_value=0.0),
    "huge amounts": times(1e12),
    "tiny amounts": times(1e-9),
    "all engaged on one day": all_engaged_on_one_day,
}


@pytest.fixture(scope="module")
def known(small_chain: Chain) -> pd.DataFrame:
    return coded(small_chain.store.read("monthly_snapshots", [MONTH]).select(COLUMNS).to_pyarrow())


@pytest.mark.parametrize("name", ODD)
def test_an_odd_dump_has_a_forecast_that_agrees_with_itself(known: pd.DataFrame, name: str) -> None:
    deals = ODD[name](known).reset_index(drop=True)
    memo: dict[Any, Any] = {}
    predictions = predicted(deals, memo)
    forecast = revenue_forecast(predictions, deals, MONTH, FEATURES, memo)
    assert list(forecast.columns) == REVENUE_FORECAST.names
    if predictions.empty:
        assert forecast.empty
    else:
        agrees(forecast, predictions)
    assert "nan" not in shown(forecast)
    current = current_predictions(ibis.memtable(deals.astype({"stage": str})), NOW, FEATURES)
    assert list(current.columns) == CURRENT_PREDICTIONS.having(current.columns).names
    if len(current):
        certain(current[[name for name in CHANCES if name in current]])


def predicted(deals: pd.DataFrame, memo: dict[Any, Any]) -> pd.DataFrame:
    """Return the predictions of a champion whose chances are the hazard's; a flat rate if none is closed."""
    walk = Walk(History.of(deals, MONTH), FEATURES, memo)
    rows = walk.history.deals[walk.history.open_at(MONTH)]
    some = len(rows) > 0 and len(walk.history.months) > 0
    first = rows[["opportunity_id"]].assign(
        probability=inner(walk.chances(MONTH)[:, 0]) if some else np.full(len(rows), 0.2)
    )
    longer = (
        reach(walk, first) if some else first[["opportunity_id"]].assign(**dict.fromkeys(CHANCES[1:], np.nan))
    )
    if some:
        certain(first.merge(longer)[CHANCES])
    worth = expected_values(ibis.memtable(deals.astype({"stage": str}))).to_pyarrow().to_pandas()
    assert worth["expected_value"].ge(0).all()
    made = first.merge(longer).merge(worth)
    assert len(made) == len(rows)
    return made.assign(expected_revenue=made["probability"] * made["expected_value"])


def certain(chances: pd.DataFrame) -> None:
    values = chances.to_numpy()
    assert values.min() > 0
    assert values.max() < 1
    assert (np.diff(values, axis=1) >= 0).all()


def agrees(forecast: pd.DataFrame, predictions: pd.DataFrame) -> None:
    means = [f"{part}_{what}" for part in ("expected", "new", "total") for what in ("wins", "revenue")]
    expected = forecast[means].to_numpy()
    assert np.isfinite(expected).all()
    assert (expected >= 0).all()
    sums = forecast.groupby(["horizon_months", "level"])[means].sum()
    totals = forecast[forecast["level"] == TOTAL].set_index("horizon_months")
    # While no deal is closed, nothing tells how long deals take: longer horizons are left out.
    assert totals.index.tolist() == ([1] if predictions[CHANCES[1]].isna().all() else [1, 2, 3])
    for (horizon, _), row in sums.iterrows():
        assert row.tolist() == pytest.approx(totals.loc[horizon, means].tolist())
    assert totals.loc[1, "expected_wins"] == pytest.approx(predictions["probability"].sum())
    for column in means:
        low, high = forecast[f"{column}_low"], forecast[f"{column}_high"]
        assert low.isna().equals(high.isna())
        assert (low.dropna() <= high.dropna()).all()
        assert np.isfinite(high.dropna()).all()
    # No number falls with the horizon.
    numbers = [f"{column}{end}" for column in means for end in ("", "_low", "_high")]
    cells = forecast.fillna({"name": "-"}).sort_values("horizon_months").groupby(["level", "name"])
    assert not forecast[numbers].lt(cells[numbers].cummax() * (1 - 1e-9)).any(axis=None)


def shown(forecast: pd.DataFrame) -> str:
    """Return what the summary of a run prints of a forecast."""
    console = Console(width=200, record=True, quiet=True)
    with console.capture() as capture:
        console.print(_expected(forecast, "USD"))
        if len(forecast):
            console.print(_totals(forecast, "USD", wide=True))
    return capture.get()

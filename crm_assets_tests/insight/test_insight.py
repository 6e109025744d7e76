"""What people read from the stored tables: changes that add up, by scope, in words, or a sentence."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from crm_assets.crm.tables import MONTHLY_SNAPSHOTS, OPPORTUNITIES, REVENUE_FORECAST, WIN_PREDICTIONS
from crm_assets.crm.targets import TARGETS
from crm_assets.errors import NotEnoughDataError, SettingsError, StorageError
from crm_assets.insight import bands, words
from crm_assets.insight.changes import Change, changes
from crm_assets.insight.reading import Reader
from crm_assets.insight.scope import scope_of
from crm_assets.storage.folder import Folder
from crm_assets.storage.tables import TableStore

BEFORE, NOW = "2017-11", "2017-12"
AGENTS = {"Ann": ("Max", "West"), "Bob": ("Max", "West"), "Cy": ("Zoe", "East")}
# The probability of each deal before and now (None: not open), its agent, and what the snapshots say.
DEALS: dict[str, tuple[float | None, float | None, str, dict[str, Any]]] = {
    "won": (0.4, None, "Ann", {"stage": "Won", "close_date": date(2017, 12, 5), "close_value": 90.0}),
    "lost": (0.3, None, "Bob", {"stage": "Lost", "close_date": date(2017, 12, 6), "close_value": 0.0}),
    "gone": (0.1, None, "Cy", {}),
    "new": (None, 0.2, "Ann", {}),
    "up": (0.2, 0.3, "Ann", {}),
    "down": (0.3, 0.1, "Cy", {}),
    "same": (0.1, 0.1, "Bob", {}),
    "pushed": (0.2, 0.1, "Bob", {"expected": date(2018, 3, 1)}),
    "pulled": (0.2, 0.25, "Cy", {"expected": date(2017, 12, 31)}),
    "quick": (None, None, "Ann", {"stage": "Won", "close_date": date(2017, 12, 9), "close_value": 10.0}),
}
EXPECTED = date(2018, 1, 15)


def _who(agent: str) -> dict[str, str]:
    manager, office = AGENTS[agent]
    return {"sales_agent": agent, "manager": manager, "regional_office": office, "product": "GTX"}


def _prediction(name: str, month: str, chance: float, agent: str) -> dict[str, Any]:
    value = 33.333 if month == BEFORE else 33.334
    later = {f"probability_{target.months}_months": min(1.0, 2 * chance) for target in TARGETS[1:]}
    return {
        "snapshot_month": month,
        "opportunity_id": name,
        **_who(agent),
        "days_open": 10,
        "probability": chance,
        **later,
        "probability_ever": 0.9,
        "expected_value": value,
        "expected_revenue": chance * value,
        "pushed_up": [{"feature": "days_open", "value": "10", "contribution": 0.5}],
        "pushed_down": [{"feature": "sales_agent", "value": agent, "contribution": -0.7}],
        "scored_by": "champion",
        "algorithm": "closing_hazard",
        "model_version": "1",
    }


def _snapshot(name: str, month: str) -> dict[str, Any] | None:
    before, now, agent, said = DEALS[name]
    closed = month == NOW and "stage" in said
    if (month == BEFORE and before is None) or (month == NOW and now is None and not closed):
        return None
    row: dict[str, Any] = {
        "snapshot_month": month,
        "opportunity_id": name,
        **_who(agent),
        "stage": "Engaging",
    }
    row |= {"created_date": date(2017, 11, 1), "created_date_source": "engage_date"}
    row |= {"engage_date": date(2017, 11, 1), "close_date": None, "close_value": None, "known_from": "x"}
    moved = said.get("expected", EXPECTED) if month == NOW else EXPECTED
    return (
        row
        | {"expected_close_date": moved}
        | ({k: said[k] for k in said if k != "expected"} if closed else {})
    )


def _forecast(month: str, wins: float) -> pd.DataFrame:
    names = [("total", "all deals"), ("sales_agent", "Ann"), ("manager", "Max"), ("manager", "Zoe")]
    names += [("regional_office", "West"), ("regional_office", "East"), ("product", "GTX")]
    rows = [
        {"snapshot_month": month, "forecast_month": "2018-01", "horizon_months": 1, "level": level}
        | {"name": name, "open_deals": 1}
        | {column.name: wins for column in REVENUE_FORECAST.columns if column.dtype == "float64"}
        for level, name in names
    ]
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    store = TableStore(Folder(tmp_path_factory.mktemp("insight") / "tables"))
    people = [{"opportunity_id": agent, **_who(agent), "stage": "Won"} for agent in AGENTS]
    deals = pd.DataFrame(people).assign(
        created_date=EXPECTED, created_date_source="x", engage_date=None, close_date=None, close_value=None
    )
    store.write("opportunities", deals, OPPORTUNITIES.arrow)
    store.write("win_predictions", WIN_PREDICTIONS.arrow.empty_table(), WIN_PREDICTIONS.arrow, "2017-10")
    for month, place in ((BEFORE, 0), (NOW, 1)):
        rows = [
            _prediction(name, month, chance, deal[2])
            for name, deal in DEALS.items()
            if (chance := (deal[0], deal[1])[place]) is not None
        ]
        store.write("win_predictions", pd.DataFrame(rows), WIN_PREDICTIONS.arrow, month)
        known = [row for name in DEALS if (row := _snapshot(name, month))]
        store.write("monthly_snapshots", pd.DataFrame(known), MONTHLY_SNAPSHOTS.arrow, month)
        wins = sum(row["probability"] for row in rows)
        store.write("revenue_forecast", _forecast(month, wins), REVENUE_FORECAST.arrow, month)
    return Reader(store)


def test_months_without_predictions_do_not_count(reader: Reader) -> None:
    assert (reader.months(), reader.newest_month(), reader.month_before(NOW)) == ([BEFORE, NOW], NOW, BEFORE)
    assert reader.month_before(BEFORE) is None


def test_every_deal_changed_in_one_way_and_the_waterfall_adds_up_to_the_cent(reader: Reader) -> None:
    found = changes(reader, NOW, BEFORE)
    kinds = {"pulled": Change.PULLED_IN, "quick": Change.WON}
    assert dict(zip(found.deals["opportunity_id"], found.deals["change"], strict=True)) == {
        name: kinds.get(name, name) for name in DEALS
    }
    fall = found.waterfall
    assert fall.start + sum(step.amount for step in fall.steps) == fall.end
    assert fall.start == Decimal("60.00")
    assert fall.end == Decimal("35.00")
    assert {step.name: step.deals for step in fall.steps}["won"] == 2


@pytest.mark.parametrize("scope", ["office:West", "manager:Max", "agent:Ann,Bob"])
def test_a_scope_shows_only_its_own_deals_and_sums(reader: Reader, scope: str) -> None:
    west = reader.within(scope_of(scope))
    assert set(west.predictions(NOW)["sales_agent"]) == {"Ann", "Bob"}
    found = changes(west, NOW, BEFORE)
    assert set(found.deals["sales_agent"]) == {"Ann", "Bob"}
    rows = west.forecast(NOW)
    assert set(zip(rows["level"], rows["name"], strict=True)) == {
        ("sales_agent", "Ann"),
        ("manager", "Max"),
        ("regional_office", "West"),
    }


def test_a_scope_of_one_agent_does_not_show_the_sum_of_the_office(reader: Reader) -> None:
    assert set(reader.within(scope_of("agent:Ann")).forecast(NOW)["level"]) == {"sales_agent"}
    assert reader.within(scope_of("office:North")).predictions(NOW).empty


@pytest.mark.parametrize("text", ["", "all:West", "office:", "office", "team:West", "West"])
def test_what_is_no_scope_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="is not a scope; write all, or office:"):
        scope_of(text)


def test_bands_and_trends(reader: Reader) -> None:
    now, before = reader.predictions(NOW), reader.predictions(BEFORE)
    shown = dict(zip(now["opportunity_id"], bands.bands(now, (0.6, 0.4, 0.2)), strict=True))
    assert (shown["up"], shown["new"], shown["down"]) == ("A", "B", "C")
    trend = dict(zip(now["opportunity_id"], bands.trends(now, before), strict=True))
    assert (trend["up"], trend["down"], trend["same"], trend["new"]) == ("up", "down", "steady", "new")


def test_reasons_are_words_with_a_fact_strongest_first(reader: Reader) -> None:
    [deal] = reader.predictions(NOW).query("opportunity_id == 'new'").to_dict("records")
    assert [str(why) for why in words.reasons(deal, features={"agent_win_rate": 0.62})] == [
        "Ann works on it (agent wins 62 % of closed deals)",
        "open for 10 days",
    ]
    assert [why.direction for why in words.reasons(deal)] == ["down", "up"]


def test_what_is_missing_damaged_or_half_written_is_a_sentence(reader: Reader, tmp_path: Path) -> None:
    store = TableStore(Folder(tmp_path / "tables"))
    with pytest.raises(StorageError, match="run the graph first"):
        Reader(store).newest_month()
    store.write("win_predictions", WIN_PREDICTIONS.arrow.empty_table(), WIN_PREDICTIONS.arrow, NOW)
    with pytest.raises(NotEnoughDataError, match="too little history"):
        Reader(store).newest_month()
    store.write("win_predictions", reader.predictions(NOW), WIN_PREDICTIONS.arrow, NOW)
    with pytest.raises(StorageError, match="revenue_forecast for 2017-12 first"):
        Reader(store).forecast(NOW)
    store.write("revenue_forecast", _forecast(NOW, 7.0), REVENUE_FORECAST.arrow, NOW)
    with pytest.raises(StorageError, match=r"made from other predictions: it expects 7\.0 wins"):
        Reader(store).forecast(NOW)
    whole = store.path("win_predictions", NOW)
    whole.write_bytes(whole.read_bytes()[:-100])
    with pytest.raises(StorageError, match="damaged or only half written: materialize win_predictions for"):
        Reader(store).predictions(NOW)

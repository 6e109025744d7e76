"""The dashboard in a real browser: pages, downloads, scopes, and what it says when something is broken."""

from __future__ import annotations

import io
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crm_assets_tests.dashboard.conftest import PAGES, Visitor, csv, visit
from dev.place import Place
from dev.screenshots import settled

LAST = "2023-12"
SERIOUS = ("serious", "critical")


def test_a_wrong_password_opens_nothing(browser: Any, dashboard: str) -> None:
    stranger = visit(browser, dashboard)
    stranger.log_in("boss", "wrong password")
    stranger.page.get_by_text("Name or password is wrong.").wait_for()
    for path in ("deals", "risk"):
        stranger.page.goto(f"{dashboard}/{path}")
        settled(stranger.page)
        assert "Log in" in stranger.text()
        assert "Worth" not in stranger.text()


@pytest.mark.parametrize("title", PAGES)
def test_every_page_answers_and_has_no_serious_barrier(boss: Visitor, title: str) -> None:
    axe_of = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    said = boss.go(title)
    assert "Traceback" not in said
    assert "Synthetic data" in said
    assert boss.page.get_by_test_id("stException").count() == 0
    found = axe_of.Axe().run(boss.page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in SERIOUS] == []
    assert "?" not in boss.page.url


def test_the_forecast_says_what_the_table_says(boss: Visitor, home: Place) -> None:
    said = boss.go("Forecast")
    forecast = home.frame("revenue_forecast", LAST)
    total = forecast[(forecast["level"] == "total") & (forecast["horizon_months"] == 1)].iloc[0]
    assert "Forecast for January 2024" in said
    assert f"{total['total_wins']:,.0f} wins" in said
    assert f"${total['total_revenue']:,.0f}" in said


def test_the_downloads_equal_the_tables(boss: Visitor, home: Place) -> None:
    boss.go("Deals")
    predicted = home.frame("win_predictions", LAST).set_index("opportunity_id")
    deals = csv(boss.download("This table as CSV")).set_index("opportunity_id")
    assert sorted(deals.index) == sorted(predicted.index)
    for column in ("probability", "expected_value"):
        pd.testing.assert_series_equal(deals[column], predicted[column].reindex(deals.index))
    book = pd.read_excel(io.BytesIO(boss.download("The month as Excel workbook")), sheet_name=None)
    assert list(book) == ["Forecast", "Deals", "Changes", "Notes"]
    assert book["Deals"]["worth"].sum() == pytest.approx(deals["worth"].sum())


def test_a_filter_and_the_search_narrow_the_deals(boss: Visitor, home: Place) -> None:
    boss.go("Deals")
    deal = home.frame("win_predictions", LAST)["opportunity_id"].iloc[0]
    boss.page.get_by_role("textbox", name="Search").fill(deal)
    boss.page.get_by_role("textbox", name="Search").press("Enter")
    boss.page.get_by_text("1 of ").first.wait_for()
    settled(boss.page)
    assert csv(boss.download("This table as CSV"))["opportunity_id"].tolist() == [deal]
    boss.page.get_by_role("textbox", name="Search").fill("")
    boss.page.get_by_role("textbox", name="Search").press("Enter")
    assert deal not in boss.page.url


def test_a_manager_sees_own_deals_only(browser: Any, dashboard: str, home: Place) -> None:
    predicted = home.frame("win_predictions", LAST)
    own, *others = sorted(predicted["manager"].unique())
    manager = visit(browser, dashboard)
    manager.log_in("manager0")
    manager.page.get_by_test_id("stSidebarNav").wait_for()
    for title in PAGES:
        said = manager.go(title)
        assert not [name for name in others if name in said], title
    manager.go("Deals")
    deals = csv(manager.download("This table as CSV"))
    assert set(deals["manager"]) == {own}
    assert sorted(deals["opportunity_id"]) == sorted(
        predicted.loc[predicted["manager"] == own, "opportunity_id"]
    )
    book = pd.read_excel(io.BytesIO(manager.download("The month as Excel workbook")), sheet_name=None)
    text = "".join(sheet.to_csv() for sheet in book.values())
    assert not [name for name in others if name in text]
    # The filter offers own names only, and an address asks for nobody else's deals.
    manager.go("Deals")
    manager.page.get_by_role("combobox", name="Manager").click()
    assert manager.page.get_by_role("option").all_inner_texts() == [own]
    manager.log_in("manager0", at=f"deals?manager={others[0]}&filter-manager={others[0]}&scope=all")
    manager.page.get_by_test_id("stSidebarNav").wait_for()
    manager.go("Deals")
    assert set(csv(manager.download("This table as CSV"))["manager"]) == {own}


def test_quotas_stand_beside_the_forecast(boss: Visitor, home: Place) -> None:
    name = sorted(home.frame("win_predictions", LAST)["manager"].unique())[0]
    quotas = home.tables / "raw_quotas.parquet"
    stored = pq.read_table(quotas)
    row = {"month": "2024-01", "name": name, "quota": 12_345_678.0, "source_row": 2}
    try:
        pq.write_table(pa.Table.from_pylist([row], stored.schema), quotas)
        for _ in range(40):
            boss.go("Deals")
            boss.go("Forecast")
            boss.page.get_by_text("Manager", exact=True).first.click()
            settled(boss.page)
            shown = csv(boss.download("This table as CSV"))
            # The table of another level may still stand there.
            quoted = shown.set_index("name")["quota"].dropna().to_dict() if "quota" in shown else {}
            if quoted:
                break
            boss.page.wait_for_timeout(500)
        assert quoted == {name: 12_345_678.0}
    finally:
        pq.write_table(stored, quotas)


def test_an_own_number_stands_beside_the_models(boss: Visitor) -> None:
    boss.go("Deals")
    boss.page.get_by_text("Your own number").click()
    boss.page.get_by_label("Chance to be won next month").fill("90")
    boss.page.get_by_label("Why", exact=True).fill("they called")
    boss.page.get_by_role("button", name="Save").click()
    boss.page.get_by_text("Saved.").wait_for()


def test_what_is_broken_is_said_with_a_next_step(boss: Visitor, home: Place) -> None:
    forecast = home.tables / "revenue_forecast" / f"{LAST}.parquet"
    whole = forecast.read_bytes()
    try:
        # Half written: another program copies the tables while somebody looks.
        forecast.write_bytes(whole[: len(whole) // 2])
        said = _reloaded(boss, "damaged or only half written")
        assert f"materialize revenue_forecast for {LAST} again" in said
        forecast.unlink()
        assert f"materialize revenue_forecast for {LAST} first" in _reloaded(boss, "is missing")
        # A backfill has written the predictions, and the forecast not yet.
        forecast.write_bytes((forecast.parent / "2023-11.parquet").read_bytes())
        assert "If a run is writing them now, wait for it" in _reloaded(boss, "other predictions")
    finally:
        forecast.write_bytes(whole)
    predictions = home.tables / "win_predictions"
    try:
        # A dump that nothing has been predicted for yet.
        predictions.rename(home.folder / "away")
        assert "run the graph first (make run), or set CRM_HOME" in _reloaded(boss, "win_predictions")
    finally:
        (home.folder / "away").rename(predictions)
    registry = home.folder / "home" / "mlflow.db"
    content = registry.read_bytes()
    try:
        registry.write_bytes(b"no database" * 100)
        boss.page.wait_for_timeout(100)
        assert "Traceback" not in boss.go("Trust")
    finally:
        registry.write_bytes(content)
    assert _reloaded(boss, "Four times out of five")


def _reloaded(visitor: Visitor, awaited: str) -> str:
    """Go away from the forecast and back until it has looked at the files again."""
    for _ in range(40):
        visitor.go("What changed")
        visitor.page.get_by_test_id("stSidebarNav").get_by_role("link", name="Forecast").click()
        settled(visitor.page)
        if awaited in visitor.text():
            return visitor.text()
        visitor.page.wait_for_timeout(500)
    raise AssertionError(f"The page never said {awaited!r}: {visitor.text()}")

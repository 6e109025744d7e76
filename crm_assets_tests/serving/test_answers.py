"""The API gives the batch's own answers, and follows the champion without a mixed or failed one."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from crm_assets.crm.months import month_end
from crm_assets_tests.serving.conftest import BETWEEN_S, Api, newest, second_version
from dev.waiting import wait_until

CHANCES = ("probability", "probability_2_months", "probability_3_months", "probability_ever")


def scored_months(api: Api) -> list[str]:
    months = sorted(path.stem for path in (api.place.tables / "win_predictions").glob("*.parquet"))
    return [month for month in months if len(api.place.frame("win_predictions", month))]


def test_fresh_predictions_of_every_deal_equal_the_batch_also_of_past_months(api: Api) -> None:
    with api.client() as client:
        for month in scored_months(api)[-3:]:
            stored = api.place.frame("win_predictions", month)
            deals = api.raw_deals(month)
            for start in range(0, len(deals), 500):
                asked = {
                    "deals": deals[start : start + 500],
                    "as_of": f"{month_end(month)}",
                    "reasons": False,
                }
                answer = client.post("/v1/predictions", json=asked)
                assert answer.status_code == 200, answer.text
                told, part = answer.json()["predictions"], stored.iloc[start : start + 500]
                assert [row["opportunity_id"] for row in told] == part["opportunity_id"].tolist()
                for name in (*CHANCES, "expected_value", "expected_revenue"):
                    found = np.array([row[name] for row in told], dtype="float64")
                    assert np.abs(found - part[name].to_numpy()).max() <= 1e-12 * max(1, part[name].max())
                assert {row["scored_by"] for row in part.to_dict("records")} == {answer.json()["scored_by"]}


def test_stored_answers_are_the_tables(api: Api) -> None:
    month = newest(api.place)
    stored = api.place.frame("win_predictions", month)
    with api.client() as client:
        first, rest = [], 0
        while rest is not None:
            page = client.get("/v1/opportunities", params={"limit": 500, "offset": rest}).json()
            first, rest = first + page["opportunities"], page["next_offset"]
        assert [row["opportunity_id"] for row in first] == stored["opportunity_id"].tolist()
        assert [row["probability"] for row in first] == stored["probability"].tolist()
        agent = stored["sales_agent"].iloc[0]
        asked = {
            "agent": agent,
            "min_probability": float(stored["probability"].median()),
            "sort": "days_open",
        }
        some = client.get("/v1/opportunities", params=asked).json()
        chosen = stored[
            (stored["sales_agent"] == agent) & (stored["probability"] >= asked["min_probability"])
        ]
        assert some["total"] == len(chosen)
        detail = client.get(f"/v1/opportunities/{stored['opportunity_id'].iloc[0]}").json()
        assert detail["reasons"]
        assert detail["history"][-1]["month"] == month
        assert detail["band"] in "ABCD"
        totals = client.get("/v1/forecast", params={"level": "total"}).json()["rows"]
        forecast = api.place.frame("revenue_forecast", month)
        assert [row["total_wins"] for row in totals] == forecast.query("level == 'total'")[
            "total_wins"
        ].tolist()
        fall = client.get("/v1/changes").json()["waterfall"]
        cents = [round(float(step["amount"]) * 100) for step in fall["steps"]]
        assert round(float(fall["start"]) * 100) + sum(cents) == round(float(fall["end"]) * 100)
        model = client.get("/v1/model").json()
        assert model["version"] == "1"
        assert {row["contender"] for row in model["leaderboard"]} >= {"seasonal_rate", model["algorithm"]}


def test_a_name_that_nobody_knows_is_told_and_counts_as_new(api: Api) -> None:
    deal = {"sales_agent": "Nobody Known", "engage_date": f"{month_end(newest(api.place))}"}
    with api.client() as client:
        told = client.post("/v1/predictions", json={"deals": [deal]}).json()
        assert "The agent is in no table of this CRM" in told["predictions"][0]["warnings"][0]
        records = client.post("/invocations", json={"dataframe_records": [deal]}).json()["predictions"]
        assert records[0][1] == told["predictions"][0]["probability"]


def test_an_office_sees_and_scores_only_its_own_deals(api: Api) -> None:
    stored = api.place.frame("win_predictions", newest(api.place))
    own = stored["regional_office"].iloc[0]
    other = stored[stored["regional_office"] != own].iloc[0]
    with api.client("office") as client:
        seen = client.get("/v1/opportunities", params={"limit": 500}).json()
        assert {row["regional_office"] for row in seen["opportunities"]} == {own}
        assert client.get(f"/v1/opportunities/{other['opportunity_id']}").status_code == 404
        assert {row["level"] for row in client.get("/v1/forecast").json()["rows"]} <= {
            "regional_office",
            "manager",
            "sales_agent",
        }
        deal = next(
            d for d in api.raw_deals(newest(api.place)) if d["opportunity_id"] == other["opportunity_id"]
        )
        assert client.post("/v1/predictions", json={"deals": [deal]}).status_code == 403
        changed = client.get("/v1/changes", params={"limit": 500}).json()["deals"]
        assert {row["regional_office"] for row in changed} == {own}


def test_the_champion_is_followed_under_load_without_a_failed_or_mixed_answer(
    api: Api, tmp_path: Path
) -> None:
    other = second_version(api.registry, tmp_path)
    deal = api.raw_deals(newest(api.place))[0]
    body = {"deals": [deal], "reasons": False}
    seen: Counter[tuple[str, float]] = Counter()
    failed: list[str] = []
    stop = threading.Event()

    def ask() -> None:
        with api.client() as client:
            while not stop.wait(BETWEEN_S):
                answer = client.post("/v1/predictions", json=body)
                if answer.status_code == 200:
                    told = answer.json()
                    seen[told["model_version"], told["predictions"][0]["probability"]] += 1
                else:
                    failed.append(answer.text)

    def said() -> dict[str, str]:
        with api.client() as client:
            return client.get("/readyz").json()

    database = api.place.folder / "home" / "mlflow.db"
    askers = [threading.Thread(target=ask) for _ in range(2)]
    for asker in askers:
        asker.start()
    try:
        for version in (other, "1"):
            api.point(version)
            wait_until(
                lambda now=version: said()["model_version"] == now, f"version {version}", lambda: len(seen)
            )
        away = database.rename(database.with_suffix(".away"))
        database.write_bytes(b"this is no registry")
        wait_until(lambda: said()["registry"] != "ok", "the outage", lambda: sum(seen.values()) // 500)
        assert said()["status"] == "ready"
        away.replace(database)
        wait_until(lambda: said()["registry"] == "ok", "the end of the outage")
    finally:
        stop.set()
        for asker in askers:
            asker.join()
    assert failed == []
    assert {version for version, _ in seen} == {"1", other}
    # One probability for each version: no answer mixes the two.
    assert len({probability for _, probability in seen}) == len(seen) == 2


def test_metrics_and_log_say_what_happened_and_hold_nothing_personal(api: Api) -> None:
    with api.client() as client:
        deal = client.get("/v1/opportunities").json()["opportunities"][0]["opportunity_id"]
        answer = client.get(f"/v1/opportunities/{deal}", headers={"X-Request-Id": "my-own-id"})
        assert answer.headers["x-request-id"] == "my-own-id"
        told = client.get("/metrics").text
    assert 'crm_api_requests_total{route="/v1/opportunities/{opportunity_id}",status="200"}' in told
    assert "crm_api_model_version 1.0" in told
    log = api.log.read_text()
    assert '"request_id":"my-own-id"' in log
    assert deal not in log
    assert not any(key in log for key in api.keys.values())


@pytest.mark.parametrize("page", ["/docs", "/openapi.json", "/healthz", "/readyz"])
def test_pages_about_the_service_need_no_key(api: Api, page: str) -> None:
    with api.client("") as client:
        assert client.get(page).status_code == 200

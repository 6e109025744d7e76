"""An API without keys, beside a real Redis: MLflow's client, too many requests, an outage, and its end."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import psutil
import pytest
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

from crm_assets.crm.months import month_end
from crm_assets.modeling.matrix import feature_matrix
from crm_assets_tests.serving.conftest import BETWEEN_S, Api, newest
from dev.api_server import api_server
from dev.mlflow_server import free_port
from dev.place import Place
from dev.redis_server import redis_server
from dev.waiting import wait_until

IN_FLIGHT = 8


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int, ExitStack]]:
    """Run a Redis; yield its folder and port, and what ends it."""
    folder, port = tmp_path_factory.mktemp("redis"), free_port()
    with ExitStack() as running:
        running.enter_context(redis_server(folder, port))
        yield folder, port, running


@pytest.fixture(scope="module")
def open_api(
    sample_run: tuple[Place, str],
    redis: tuple[Path, int, ExitStack],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Api]:
    folder, there = tmp_path_factory.mktemp("open-api"), sample_run[0]
    limits = {"CRM_API_IN_FLIGHT": f"{IN_FLIGHT}", "CRM_POLL_SECONDS": "1"}
    environment = there.environment(CRM_REDIS_URL=f"redis://127.0.0.1:{redis[1]}/0", **limits)
    with api_server(folder, environment) as (address, pid):
        yield Api(address, pid, there, {}, folder / "api.log")


def test_mlflows_own_client_gets_the_batchs_probabilities(open_api: Api) -> None:
    host, port = httpx.URL(open_api.address).host, httpx.URL(open_api.address).port
    client = ScoringServerClient(host, port)
    client.ping()
    assert open_api.client("").get("/version").text == client.get_version()
    month = newest(open_api.place)
    stored = (
        open_api.place.frame("win_predictions", month).set_index("opportunity_id")["probability"].head(40)
    )
    rows = open_api.place.frame("win_features", month).set_index("opportunity_id").loc[stored.index]
    model = open_api.client("").get("/v1/model").json()
    told = client.invoke(feature_matrix(rows, model["features"]).replace("none", None)).get_predictions()
    assert told[1].tolist() == pytest.approx(stored.tolist(), rel=0, abs=1e-12)


def ask(api: Api, send: Callable[[httpx.Client, int], httpx.Response], times: int) -> Counter[int]:
    with api.client("") as client:
        return Counter(send(client, number).status_code for number in range(times))


def test_too_many_requests_are_shed_and_the_others_answered(open_api: Api) -> None:
    deals = open_api.raw_deals(newest(open_api.place))[:400]

    def send(client: httpx.Client, number: int) -> httpx.Response:
        answer = client.post("/v1/predictions", json={"deals": deals, "reasons": False})
        assert answer.status_code == 200 or answer.headers["retry-after"] == "1"
        return answer

    with ThreadPoolExecutor(4 * IN_FLIGHT) as pool:
        seen = sum(pool.map(lambda _: ask(open_api, send, 4), range(4 * IN_FLIGHT)), Counter())
    assert set(seen) == {200, 429}
    assert seen[200] >= IN_FLIGHT
    # It is itself again at once.
    assert ask(open_api, send, 1) == Counter({200: 1})


def test_a_redis_that_goes_away_and_comes_back_fails_no_request(
    open_api: Api, redis: tuple[Path, int, ExitStack]
) -> None:
    folder, port, running = redis
    stop, seen = threading.Event(), Counter[int]()
    deal = open_api.raw_deals(newest(open_api.place))[0]

    def load(place: int) -> None:
        with open_api.client("") as client:
            while not stop.wait(BETWEEN_S):
                # Another page each time, so that the cache is asked and filled.
                page = {"limit": 3, "offset": sum(seen.values()), "min_value": place}
                seen[client.get("/v1/opportunities", params=page).status_code] += 1
                seen[client.post("/v1/predictions", json={"deals": [deal]}).status_code] += 1

    def said() -> str:
        with open_api.client("") as client:
            return client.get("/readyz").json()["redis"]

    def answered_more() -> Callable[[], bool]:
        least = sum(seen.values()) + 100
        return lambda: sum(seen.values()) > least

    askers = [threading.Thread(target=load, args=(place,)) for place in range(2)]
    for asker in askers:
        asker.start()
    try:
        for what, wanted in (("with Redis", "ok"), ("without Redis", "away"), ("with Redis again", "ok")):
            wait_until(lambda now=wanted: (said() == "ok") == (now == "ok"), what, lambda: sum(seen.values()))
            wait_until(answered_more(), what, lambda: sum(seen.values()))
            if wanted == "away":
                running.enter_context(redis_server(folder, port))
            elif what == "with Redis":
                running.close()
    finally:
        stop.set()
        for asker in askers:
            asker.join()
    assert set(seen) == {200}


def test_a_server_that_is_told_to_stop_answers_what_is_under_way_and_takes_nothing_new(open_api: Api) -> None:
    months = sorted(path.stem for path in (open_api.place.tables / "win_predictions").glob("*.parquet"))
    month = next(m for m in reversed(months[:-1]) if len(open_api.place.frame("win_predictions", m)))
    # Nobody has asked for this month: its model is fitted first.
    asked = {"deals": open_api.raw_deals(month)[:1], "as_of": f"{month_end(month)}"}
    answers: list[httpx.Response] = []

    def late() -> None:
        with open_api.client("") as client:
            answers.append(client.post("/v1/predictions", json=asked))

    def under_way() -> bool:
        with open_api.client("") as client:
            # The question for the metrics is under way as well.
            return "crm_api_in_flight 2.0" in client.get("/metrics").text

    asker = threading.Thread(target=late)
    asker.start()
    wait_until(under_way, "the request under way", lambda: len(answers))
    server = psutil.Process(open_api.pid)
    os.kill(open_api.pid, signal.SIGTERM)

    def refused() -> bool:
        try:
            return httpx.get(f"{open_api.address}/healthz").status_code != 200
        except httpx.TransportError:
            return True

    wait_until(refused, "the end of new requests", lambda: server.cpu_times().user)
    asker.join()
    assert [answer.status_code for answer in answers] == [200]
    assert answers[0].json()["predictions"]
    wait_until(lambda: server.status() == psutil.STATUS_ZOMBIE, "the end of the server")

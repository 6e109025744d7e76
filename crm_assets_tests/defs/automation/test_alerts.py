"""The alert about a failed run, received by a real web server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import dagster as dg
import pytest

from crm_assets.defs.automation import alerts
from crm_assets.defs.resources.store import TableStoreResource
from crm_assets.errors import BadInputError
from crm_assets.monitoring.triggers import Reason
from crm_assets.settings import get_settings

REASON = "accounts.csv, column account, row 3: it is empty; write a name. Nothing was stored."


@dataclass
class Webhook:
    """A web server that keeps the posts it receives, and answers as the test says."""

    server: ThreadingHTTPServer
    answers: list[int] = field(default_factory=list)
    posted: list[dict[str, Any]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/secret"


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            there.posted.append(json.loads(body))
            self.send_response(there.answers.pop(0) if there.answers else 200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    there = Webhook(server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield there
    server.shutdown()
    server.server_close()


def answer_to_a_failure(monkeypatch: pytest.MonkeyPatch, address: str) -> tuple[str, object]:
    """Run a failing job, give the failure to the sensor, and return the run's id and the sensor's answer."""

    @dg.op
    def raw_accounts() -> None:
        raise BadInputError(REASON)

    @dg.job
    def finished_month() -> None:
        raw_accounts()

    monkeypatch.setenv("CRM_ALERT_WEBHOOK", address)
    monkeypatch.setenv("CRM_DAGSTER_URL", "https://dagster.example/")
    get_settings.cache_clear()
    with dg.DagsterInstance.ephemeral() as instance:
        result = finished_month.execute_in_process(instance=instance, raise_on_error=False)
        context = dg.build_run_status_sensor_context(
            "run_failed", result.get_run_failure_event(), instance, result.dagster_run
        ).for_run_failure()
        return result.run_id, alerts.run_failed(context)


def test_a_failed_run_is_told_with_job_step_reason_and_link(
    webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id, _ = answer_to_a_failure(monkeypatch, webhook.address)
    link = f"https://dagster.example/runs/{run_id}"
    said = "finished_month failed: accounts.csv, column account, row 3: it is empty; write a name."
    assert webhook.posted == [
        {
            "text": f"{said} {link}",
            "job": "finished_month",
            "run_id": run_id,
            "link": link,
            "failed_steps": ["raw_accounts"],
            "errors": {"raw_accounts": REASON},
        }
    ]


def test_a_webhook_that_stumbles_is_asked_again(webhook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    webhook.answers += [503, 200]
    _, answer = answer_to_a_failure(monkeypatch, webhook.address)
    assert answer is None
    assert len(webhook.posted) == 2


def test_a_webhook_that_is_down_is_asked_three_times_and_its_address_stays_secret(
    webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook.answers += [500] * 9
    run_id, answer = answer_to_a_failure(monkeypatch, webhook.address)
    assert len(webhook.posted) == 3
    assert isinstance(answer, dg.SkipReason)
    assert run_id in (answer.skip_message or "")
    assert "secret" not in (answer.skip_message or "")
    webhook.server.server_close()
    _, answer = answer_to_a_failure(monkeypatch, webhook.address)
    assert isinstance(answer, dg.SkipReason)


def test_a_forecast_that_needs_a_look_is_told_once_per_pause(
    webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [Reason("2017-11", "alarm", "It got worse."), Reason("2017-11", "age", "It is old.")]
    monkeypatch.setenv("CRM_ALERT_WEBHOOK", webhook.address)
    get_settings.cache_clear()
    monkeypatch.setattr(alerts, "evidence", lambda store, newest: found)
    monkeypatch.setattr(alerts, "not_ours", lambda: None)
    monkeypatch.setattr(alerts.state, "stored_months", lambda instance: ["2017-11"])

    def tick(cursor: str | None) -> tuple[str, str | None]:
        with dg.DagsterInstance.ephemeral() as instance:
            tables = TableStoreResource()
            context = dg.build_sensor_context(instance, cursor=cursor, resources={"tables": tables})
            answer = alerts.forecast_needs_a_look(context)
            assert isinstance(answer, dg.SkipReason)
            return answer.skip_message or "", context.cursor

    webhook.answers += [500] * 3
    said, cursor = tick(None)
    assert (said.startswith("No alert was sent"), cursor) == (True, None)
    webhook.posted.clear()
    _, cursor = tick(cursor)
    assert [post["kinds"] for post in webhook.posted] == [["alarm", "age"]]
    assert webhook.posted[0]["text"] == "The forecast needs a look. It got worse. It is old."
    said, cursor = tick(cursor)
    assert said == "All of it was told: the pause is not over."
    found.append(Reason("2017-11", "bad months", "Twice."))
    _, cursor = tick(cursor)
    assert [post["kinds"] for post in webhook.posted] == [["alarm", "age"], ["bad months"]]
    found.clear()
    assert tick(cursor)[0] == "Nothing to tell."

"""A pull brings a CRM's records into files that its preset reads; the interfaces are served on this machine.

The answers have the shape that the vendors document.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from crm_assets.crm.schema import RAW_SALES_PIPELINE
from crm_assets.errors import SettingsError, SourceUnavailableError
from crm_assets.settings import get_settings
from crm_assets.sources.pull.pull import CRMS, pull
from crm_assets.sources.select import select_source

Answer = Callable[[str, dict[str, str]], Any]
# More than one page of each interface.
DEALS = 620
GIVEN = "abc-1"


@contextmanager
def served(answer: Answer, header: str, expected: str) -> Generator[str]:
    """Serve an interface that wants a token in a header, and yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            allowed = self.headers.get(header) == expected
            found = answer(parts.path, asked) if allowed else None
            self.send_response(200 if found is not None else 401)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(found if found is not None else {"status": "error"}).encode())

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def hubspot(path: str, asked: dict[str, str]) -> Any:
    if path.endswith("/objects/deals"):
        first, limit = int(asked.get("after", 0)), int(asked["limit"])
        page: dict[str, Any] = {
            "results": [_hubspot_deal(at) for at in range(first, min(first + limit, DEALS))]
        }
        if first + limit < DEALS:
            page["paging"] = {"next": {"after": str(first + limit), "link": "https://example.com"}}
        return page
    if path.endswith("/objects/companies"):
        return {
            "results": [{"id": "7", "properties": {"name": "Acme", "industry": "RETAIL"}, "archived": False}]
        }
    if path.endswith("/owners"):
        return {"results": [{"id": "5", "email": "a@example.com", "firstName": "Ann", "lastName": "Lee"}]}
    if path.endswith("/pipelines/deals"):
        stages = [
            {"id": "s1", "label": "Demo", "displayOrder": 0, "metadata": {"isClosed": "false"}},
            {"id": "s2", "label": "Offer", "displayOrder": 1, "metadata": {"isClosed": "false"}},
            {"id": "s9", "label": "Signed", "displayOrder": 2, "metadata": {"isClosed": "true"}},
        ]
        return {"results": [{"id": "default", "label": "Sales", "displayOrder": 0, "stages": stages}]}
    return {"results": []}


def _hubspot_deal(at: int) -> dict[str, Any]:
    won = at % 2 == 0
    properties = {
        "dealname": f"Deal {at}",
        "dealstage": "s9" if won else "s2",
        "pipeline": "default",
        "amount": "100.5",
        "createdate": "2024-01-05T10:00:00.000Z",
        "closedate": "2024-02-06T10:00:00.000Z",
        "hubspot_owner_id": "5",
        "hs_is_closed": str(won).lower(),
        "hs_is_closed_won": str(won).lower(),
        "hs_object_id": str(at),
    }
    linked = {
        "companies": {"results": [{"id": "7", "type": "deal_to_company"}, {"id": "7", "type": "primary"}]}
    }
    return {"id": str(at), "properties": properties, "associations": linked, "archived": False}


def pipedrive(path: str, asked: dict[str, str]) -> Any:
    start = int(asked.get("start", 0))
    if path.endswith("/deals"):
        limit = int(asked["limit"])
        rows = [_pipedrive_deal(at) for at in range(DEALS)][start : start + limit]
        more = {"start": start, "limit": limit, "more_items_in_collection": start + limit < DEALS}
        return {"success": True, "data": rows, "additional_data": {"pagination": more}}
    data = {
        "stages": [{"id": 3, "name": "Demo", "order_nr": 1, "pipeline_id": 1}],
        "pipelines": [{"id": 1, "name": "Sales"}],
        "users": [{"id": 5, "name": "Ann Lee", "email": "a@example.com"}],
        "organizations": [{"id": 7, "name": "Acme", "address_country": "Spain"}],
        "products": [{"id": 9, "name": "Widget", "prices": [{"id": 1, "price": 5}]}],
    }
    pagination = {"pagination": {"start": 0, "limit": 100, "more_items_in_collection": False}}
    return {"success": True, "data": data[path.rpartition("/")[2]], "additional_data": pagination}


def _pipedrive_deal(at: int) -> dict[str, Any]:
    won = at % 2 == 0
    return {
        "id": at,
        "title": f"Deal {at}",
        "value": 100.5,
        "currency": "EUR",
        "status": "won" if won else "open",
        "stage_id": 3,
        "pipeline_id": 1,
        "user_id": {"id": 5, "name": "Ann Lee", "email": "a@example.com"},
        "org_id": {"name": "Acme", "value": 7},
        "add_time": "2024-01-05 10:00:00",
        "won_time": "2024-02-06 10:00:00" if won else None,
        "expected_close_date": "2024-02-06",
    }


APIS = {
    "hubspot": (hubspot, "HUBSPOT_TOKEN", "Authorization", f"Bearer {GIVEN}"),
    "pipedrive": (pipedrive, "PIPEDRIVE_TOKEN", "x-api-token", GIVEN),
}


def test_every_crm_that_can_be_pulled_is_tested() -> None:
    assert set(APIS) == set(CRMS)


@pytest.mark.parametrize("crm", APIS)
def test_a_pull_brings_every_page_and_its_files_go_through_the_preset(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, crm: str
) -> None:
    pytest.importorskip("dlt")
    answer, variable, header, expected = APIS[crm]
    monkeypatch.setenv(variable, GIVEN)
    told: dict[str, int] = {}
    with served(answer, header, expected) as address:
        pull(crm, tmp_path / "pulled", lambda name, rows: told.update({name: rows}), base_url=address)
    assert told["deals"] == DEALS
    assert not list((tmp_path / "pulled").glob(".pull-*"))
    monkeypatch.setenv("CRM_DATA_DIR", str(tmp_path / "pulled"))
    monkeypatch.setenv("CRM_MAPPING", crm)
    get_settings.cache_clear()
    deals = select_source(get_settings()).read(RAW_SALES_PIPELINE)
    assert deals.num_rows == DEALS
    names = ("sales_agent", "account", "deal_stage", "stage_position", "pipeline", "amount")
    rows = [tuple(row[name] for name in names) for row in deals.slice(0, 2).to_pylist()]
    assert rows[0] == ("Ann Lee", "Acme", "Won", None, "Sales", 100.5)
    assert rows[1][:3] == ("Ann Lee", "Acme", "Engaging")
    assert rows[1][3] is not None


@pytest.mark.parametrize("crm", APIS)
def test_a_token_that_is_refused_is_told_and_leaves_the_former_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, crm: str
) -> None:
    pytest.importorskip("dlt")
    answer, variable, header, expected = APIS[crm]
    (tmp_path / "deals.csv").write_text("before")
    monkeypatch.setenv(variable, "another-token")
    with (
        served(answer, header, expected) as address,
        pytest.raises(
            SourceUnavailableError, match=rf"{crm} refuses to give deals \(401\): check the token"
        ) as told,
    ):
        pull(crm, tmp_path, lambda name, rows: None, base_url=address)
    assert "another-token" not in str(told.value)
    assert (tmp_path / "deals.csv").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["deals.csv"]


def test_an_interface_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("dlt")
    monkeypatch.setenv("PIPEDRIVE_TOKEN", GIVEN)
    monkeypatch.setenv("RUNTIME__REQUEST_MAX_ATTEMPTS", "1")
    with served(pipedrive, "x-api-token", GIVEN) as address:
        closed = address
    with pytest.raises(SourceUnavailableError, match="cannot be reached for deals; check the network"):
        pull("pipedrive", tmp_path, lambda name, rows: None, base_url=closed)


def test_a_pull_without_a_token_or_from_another_crm_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("HUBSPOT_TOKEN", raising=False)
    with pytest.raises(SettingsError, match="A pull from hubspot needs HUBSPOT_TOKEN"):
        pull("hubspot", tmp_path, lambda name, rows: None)
    with pytest.raises(SettingsError, match=r"There is no pull from 'odoo'; name hubspot or pipedrive"):
        pull("odoo", tmp_path, lambda name, rows: None)


def test_a_pull_without_dlt_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HUBSPOT_TOKEN", GIVEN)
    for name in ("dlt", "dlt.extract.exceptions", "dlt.sources.rest_api"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(SettingsError, match=r"A pull needs dlt, an extra of this project: install it with"):
        pull("hubspot", tmp_path, lambda name, rows: None)
    assert list(tmp_path.iterdir()) == []

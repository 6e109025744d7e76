"""The interfaces of CRMs, served on this machine: the answers have the shape that the vendors document."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Answer = Callable[[str, dict[str, str]], Any]
# More than one page of each interface.
DEALS = 620
GIVEN = "abc-1"


@dataclass(frozen=True)
class Interface:
    """An interface of a CRM.

    Attributes:
        answer: gives the answer to a path and its parameters; None if it refuses.
        header: the header that holds the token.
        expected: what the header must hold.
        credentials: the variables of the credentials, with the right values.
    """

    answer: Answer
    header: str
    expected: str
    credentials: dict[str, str]


@contextmanager
def served(interface: Interface) -> Generator[str]:
    """Serve an interface, and yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            allowed = self.headers.get(interface.header) == interface.expected
            self._reply(interface.answer(parts.path, asked) if allowed else None, 401)

        def do_POST(self) -> None:
            """Give a token, as OAuth's client credentials flow does."""
            sent = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            wanted = {
                "grant_type": ["client_credentials"],
                "client_id": [interface.credentials["SALESFORCE_CLIENT_ID"]],
                "client_secret": [interface.credentials["SALESFORCE_CLIENT_SECRET"]],
            }
            self._reply({"access_token": GIVEN, "token_type": "Bearer"} if sent == wanted else None, 400)

        def _reply(self, found: Any, otherwise: int) -> None:
            self.send_response(200 if found is not None else otherwise)
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


def salesforce(path: str, asked: dict[str, str]) -> Any:
    """Answer a query, or ask for its next page by the address that the last one named."""
    page = re.fullmatch(r"(?P<query>.*/query)/(?P<object>\w+)-(?P<start>\d+)", path)
    start = int(page["start"]) if page else 0
    name = page["object"] if page else str(re.search(r"FROM (\w+)", asked["q"])[1])  # ty: ignore[not-subscriptable]
    records = _salesforce_records(name)
    if records is None:
        return None
    more = start + 500 < len(records)
    answer = {"totalSize": len(records), "done": not more, "records": records[start : start + 500]}
    return answer | (
        {"nextRecordsUrl": f"{page['query'] if page else path}/{name}-{start + 500}"} if more else {}
    )


def _salesforce_records(name: str) -> list[dict[str, Any]] | None:
    if name == "Opportunity":
        return [_salesforce_deal(at) for at in range(DEALS)]
    users = [{"Id": "0055g00000AbCdEAAV", "Name": "Ann Lee", "UserRole": {"attributes": {}, "Name": "North"}}]
    accounts = [{"Id": "0015g00000XyZabAAB", "Name": "Acme", "Industry": "Retail"}]
    stages = [
        {"MasterLabel": name, "SortOrder": at, "IsClosed": at > 2, "IsWon": at == 3}
        for at, name in enumerate(("Demo", "Offer", "Signed"), start=1)
    ]
    known = {"User": users, "Account": accounts, "OpportunityStage": stages}
    found = known.get(name, [])
    return [{"attributes": {"type": name, "url": f"/services/data/{name}"}, **one} for one in found]


def _salesforce_deal(at: int) -> dict[str, Any]:
    won = at % 2 == 0
    return {
        "attributes": {"type": "Opportunity", "url": f"/services/data/v62.0/sobjects/Opportunity/{at}"},
        "Id": f"0065g00000{at:05d}AAA",
        "StageName": "Signed" if won else "Offer",
        "IsClosed": won,
        "IsWon": won,
        "CreatedDate": "2024-01-05T10:00:00.000+0000",
        "CloseDate": "2024-02-06",
        "Amount": 100.5,
        "Probability": 100.0 if won else 60.0,
        "OwnerId": "0055g00000AbCdEAAV",
        "AccountId": "0015g00000XyZabAAB",
        "IsDeleted": False,
    }


INTERFACES = {
    "hubspot": Interface(hubspot, "Authorization", f"Bearer {GIVEN}", {"HUBSPOT_TOKEN": GIVEN}),
    "pipedrive": Interface(pipedrive, "x-api-token", GIVEN, {"PIPEDRIVE_TOKEN": GIVEN}),
    "salesforce": Interface(
        salesforce,
        "Authorization",
        f"Bearer {GIVEN}",
        {"SALESFORCE_CLIENT_ID": "app-1", "SALESFORCE_CLIENT_SECRET": "hidden-1"},
    ),
}

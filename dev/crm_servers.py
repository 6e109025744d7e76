"""Local servers that take scores as Salesforce, HubSpot and Dynamics 365 document their interfaces.

They keep what they took, refuse a wrong token, a wrong form and too many records at once, answer 429 or 503
when told to, and do not take deals that they do not have.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

TOKEN = "a-token-for-tests"  # noqa: S105 - of a server in this process
SALESFORCE = re.compile(r"/services/data/v\d+\.\d/composite/sobjects/(\w+__c)/(\w+__c)")
DYNAMICS = re.compile(
    r"/api/data/v9\.\d/msdyn_predictivescores"
    r"\(msdyn_entityid='([0-9a-fA-F-]{36})',msdyn_entitytype='opportunity'\)"
)
GRADES = TRENDS = (0, 1, 2, 3)


@dataclass
class Crm:
    """What a server has, and how it behaves.

    Attributes:
        address: its address.
        deals: the deals that it has; it takes no score for others. None: all.
        scores: what it took, by deal.
        poison: deals for which it refuses a request as a whole.
        requests: how many requests came.
        answers: statuses that it gives to the next requests instead of working, in order.
        stops_after: it answers 503 from this request on, while it is not None.
    """

    address: str = ""
    deals: set[str] | None = None
    scores: dict[str, dict[str, Any]] = field(default_factory=dict)
    poison: set[str] = field(default_factory=set)
    requests: int = 0
    answers: list[int] = field(default_factory=list)
    stops_after: int | None = None

    def has(self, deal: str) -> bool:
        return self.deals is None or deal in self.deals

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Return status and body for a request with the right token."""
        if any(deal in f"{unquote(path)}{json.dumps(body)}" for deal in self.poison):
            return 400, {"message": "a value is not valid"}
        if method == "PATCH" and (match := SALESFORCE.fullmatch(path)):
            return self._salesforce(*match.groups(), body)
        if method == "POST" and path == "/crm/v3/objects/deals/batch/update":
            return self._hubspot(body)
        if method == "PATCH" and (match := DYNAMICS.fullmatch(unquote(path))):
            return self._dynamics(match[1], body)
        return 404, {"message": f"no such address: {path}"}

    def _salesforce(self, kind: str, external_id: str, body: Any) -> tuple[int, Any]:
        records = body.get("records", [])
        if not 1 <= len(records) <= 200 or any("Id" in one or "id" in one for one in records):
            return 400, [{"errorCode": "INVALID_INPUT", "message": "1 to 200 records, without record ids"}]
        if any(one.get("attributes", {}).get("type") != kind for one in records):
            return 400, [{"errorCode": "INVALID_INPUT", "message": "each record needs its type"}]
        results = []
        for one in records:
            deal = one[external_id]
            created = deal not in self.scores
            if self.has(deal):
                self.scores[deal] = {name: value for name, value in one.items() if name != "attributes"}
                results.append(
                    {"id": f"a01{len(results)}", "success": True, "errors": [], "created": created}
                )
            else:
                why = {
                    "statusCode": "FIELD_INTEGRITY_EXCEPTION",
                    "message": "no such opportunity",
                    "fields": [],
                }
                results.append({"success": False, "errors": [why]})
        return 200, results

    def _hubspot(self, body: Any) -> tuple[int, Any]:
        inputs = body.get("inputs", [])
        if not 1 <= len(inputs) <= 100:
            return 400, {"status": "error", "message": "1 to 100 inputs", "category": "VALIDATION_ERROR"}
        if any(not isinstance(v, str) for one in inputs for v in one["properties"].values()):
            return 400, {"status": "error", "message": "properties are texts", "category": "VALIDATION_ERROR"}
        taken = [one for one in inputs if self.has(one["id"])]
        self.scores |= {one["id"]: one["properties"] for one in taken}
        results = [{"id": one["id"], "properties": one["properties"], "archived": False} for one in taken]
        if len(taken) == len(inputs):
            return 200, {"status": "COMPLETE", "results": results}
        lost = [one["id"] for one in inputs if not self.has(one["id"])]
        error = {"status": "error", "category": "OBJECT_NOT_FOUND", "context": {"ids": lost}}
        error["message"] = "Could not get some DEAL objects, they may be deleted or not exist."
        return 207, {"status": "COMPLETE", "results": results, "numErrors": 1, "errors": [error]}

    def _dynamics(self, deal: str, body: Any) -> tuple[int, Any]:
        if body.get("msdyn_grade") not in GRADES or body.get("msdyn_scoretrend") not in TRENDS:
            return 400, {"error": {"code": "0x80048d19", "message": "a value is outside its choices"}}
        if not self.has(deal):
            return 404, {"error": {"code": "0x80040217", "message": "no such opportunity"}}
        self.scores[deal] = body
        return 204, None


@contextmanager
def crm_server(deals: set[str] | None = None) -> Generator[Crm]:
    """Serve until the block ends."""
    crm = Crm(deals=deals)

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
            crm.requests += 1
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                status, told = 401, {"message": "wrong token"}
            elif crm.stops_after is not None and crm.requests > crm.stops_after:
                status, told = 503, None
            elif crm.answers:
                status, told = crm.answers.pop(0), None
            else:
                status, told = crm.answer(self.command, self.path, body)
            text = b"" if told is None else json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            if status in (429, 503):
                self.send_header("Retry-After", "0")
            self.end_headers()
            self.wfile.write(text)

        do_POST = do_PATCH = _serve  # noqa: N815 - the names that the library calls

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    crm.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield crm
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

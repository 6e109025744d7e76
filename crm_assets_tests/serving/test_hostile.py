"""What people must not send, and what they get for it: a problem of RFC 9457, never a fault of the server."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from crm_assets_tests.serving.conftest import Api

DEAL = {"sales_agent": "Ann", "engage_date": "2017-11-04"}
JSON = {"Content-Type": "application/json"}
Send = Callable[[httpx.Client], httpx.Response]


def posted(body: Any, path: str = "/v1/predictions", **headers: str) -> Send:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda client: client.post(path, content=content, headers={**JSON, **headers})


def deal(**fields: Any) -> Send:
    return posted({"deals": [DEAL | fields]})


def got(path: str, **headers: str) -> Send:
    return lambda client: client.get(path, headers=headers)


# What is sent, with which key, and the statuses that are right for it.
HOSTILE: dict[str, tuple[Send, str, tuple[int, ...]]] = {
    "no key": (got("/v1/opportunities"), "", (401,)),
    "a key that nobody has": (
        got("/v1/model", Authorization=f"Bearer crm_{'0' * 12}_{'a' * 43}"),
        "",
        (401,),
    ),
    "a key of another form": (got("/v1/model", Authorization="Bearer ' OR 1=1 --"), "", (401,)),
    "a password instead of a key": (got("/v1/model", Authorization="Basic YTpi"), "", (401,)),
    "an expired key": (got("/v1/opportunities"), "expired", (401,)),
    "a key that may only read": (posted({"deals": [DEAL]}), "reader", (403,)),
    "a very long key": (got("/v1/model", Authorization="Bearer " + "a" * 8000), "", (401,)),
    "a body that is too large": (posted(b'{"deals": [' + b" " * 400_000 + b"]}"), "all", (413,)),
    "a deep body": (posted(b"[" * 100_000 + b"]" * 100_000), "all", (400,)),
    "a deep object": (posted(b'{"deals":' * 5_000 + b"1" + b"}" * 5_000), "all", (400,)),
    "no JSON": (posted(b"deals=1"), "all", (400,)),
    "half a JSON": (posted(b'{"deals": [{'), "all", (400,)),
    "no body": (posted(b""), "all", (400,)),
    "a body that is not UTF-8": (posted(b'{"deals": "\xff\xfe"}'), "all", (400,)),
    "another media type": (posted({"deals": [DEAL]}, **{"Content-Type": "text/xml"}), "all", (415,)),
    "NaN": (posted(b'{"deals": [{"engage_date": "2017-11-04", "amount": NaN}]}'), "all", (422,)),
    "infinity": (posted(b'{"deals": [{"engage_date": "2017-11-04", "amount": 1e999}]}'), "all", (422,)),
    "a number beyond all": (deal(amount=1e300), "all", (422,)),
    "a whole number of 5,000 digits": (
        posted(b'{"deals": [{"stage_position": ' + b"9" * 5000 + b"}]}"),
        "all",
        (400, 422),
    ),
    "a text for a number": (deal(amount="12"), "all", (422,)),
    "a list for a text": (deal(product=["GTX"]), "all", (422,)),
    "a number for a text": (deal(sales_agent=7), "all", (422,)),
    "a true for a date": (deal(engage_date=True), "all", (422,)),
    "a number for a date": (deal(engage_date=1510000000), "all", (422,)),
    "a day that does not exist": (deal(engage_date="2017-02-30"), "all", (422,)),
    "a day in the far future": (deal(engage_date="9999-12-31"), "all", (422,)),
    "a day after the month": (deal(engage_date="2150-01-01"), "all", (422,)),
    "no engage date": (posted({"deals": [{"sales_agent": "Ann"}]}), "all", (422,)),
    "a field that nobody knows": (deal(won_next_month=1), "all", (422,)),
    "the outcome": (deal(close_value=100), "all", (422,)),
    "no deal": (posted({"deals": []}), "all", (422,)),
    "too many deals": (posted({"deals": [DEAL] * 1001}), "all", (422,)),
    "null for the deals": (posted({"deals": None}), "all", (422,)),
    "a control character": (deal(product="GTX\u0000"), "all", (422,)),
    "half a surrogate": (
        posted(b'{"deals": [{"engage_date": "2017-11-04", "product": "\\ud800"}]}'),
        "all",
        (400, 422),
    ),
    "a very long name": (deal(sales_agent="a" * 100_000), "all", (422,)),
    "SQL in a name": (deal(sales_agent="'; DROP TABLE months; --"), "all", (200, 422)),
    "SQL in an id": (got("/v1/opportunities/" + quote("' OR '1'='1", safe="")), "all", (404,)),
    "a path in an id": (got("/v1/opportunities/..%2F..%2Fetc%2Fpasswd"), "all", (404,)),
    "a null byte in an id": (got("/v1/opportunities/%00"), "all", (404,)),
    "no UTF-8 in an id": (got("/v1/opportunities/%ff%fe"), "all", (404,)),
    "a page without end": (got("/v1/opportunities?limit=100000"), "all", (422,)),
    "a page before the first": (got("/v1/opportunities?offset=-1"), "all", (422,)),
    "a chance that is no number": (got("/v1/opportunities?min_probability=nan"), "all", (422,)),
    "a column to sort by that is code": (got("/v1/opportunities?sort=__class__"), "all", (422,)),
    "a horizon that does not exist": (got("/v1/changes?horizon_months=99"), "all", (422,)),
    "a day that is no month's end": (posted({"deals": [DEAL], "as_of": "2017-11-15"}), "all", (422,)),
    "a month long before the data": (posted({"deals": [DEAL], "as_of": "1950-01-31"}), "all", (422,)),
    "an address that does not exist": (got("/v1/../../admin"), "all", (404,)),
    "another method": (lambda client: client.delete("/v1/opportunities"), "all", (405,)),
    "rows of different lengths": (
        posted({"dataframe_split": {"columns": ["a", "b"], "data": [[1]]}}, "/invocations"),
        "all",
        (422,),
    ),
    "two shapes at once": (posted({"inputs": [DEAL], "instances": [DEAL]}, "/invocations"), "all", (422,)),
    "features that are no numbers": (
        posted(b'{"inputs": [{"days_open": NaN, "list_price": "1"}]}', "/invocations"),
        "all",
        (422,),
    ),
    "features beyond all": (
        posted(b'{"inputs": [{"days_open": -1, "list_price": 1e999}]}', "/invocations"),
        "all",
        (422,),
    ),
    "a row that is none": (posted({"inputs": [1]}, "/invocations"), "all", (422,)),
    "a chunked body that is too large": (
        lambda client: client.post("/v1/predictions", content=iter([b" " * 60_000] * 8), headers=JSON),
        "all",
        (413,),
    ),
    "a page in another office's name": (got("/v1/opportunities?office=x' OR 1=1"), "office", (200,)),
    "features that are missing": (posted({"inputs": [{"days_open": 3}]}, "/invocations"), "all", (422,)),
}  # fmt: skip


def test_hostile_input_is_answered_with_a_problem(api: Api) -> None:
    assert len(HOSTILE) >= 40
    wrong = {}
    for name, (send, key, right) in HOSTILE.items():
        with api.client(key) as client:
            answer = send(client)
        problem = answer.headers["content-type"] == "application/problem+json"
        if answer.status_code not in right or (answer.status_code >= 400 and not problem):
            wrong[name] = (answer.status_code, answer.text[:200])
        elif answer.status_code >= 400:
            told = answer.json()
            assert {"type", "title", "status", "detail", "request_id"} <= told.keys(), name
            assert told["status"] == answer.status_code, name
    assert wrong == {}
    with api.client() as client:
        assert client.get("/readyz").status_code == 200


def raw(api: Api, text: bytes) -> bytes:
    """Send bytes as they are, and return all that comes back until the server closes, or answers."""
    parts = urlsplit(api.address)
    with socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=60) as line:
        line.sendall(text)
        return line.recv(65_536)


def head(api: Api, *lines: str) -> bytes:
    key = f"Authorization: Bearer {api.keys['all']}"
    return "\r\n".join([*lines, key, "Host: 127.0.0.1", "Content-Type: application/json", "", ""]).encode()


@pytest.mark.parametrize(
    ("lines", "statuses"),
    [
        (("GET /v1/model HTTP/1.1", "Host: evil.example"), (400,)),
        (("POST /v1/predictions HTTP/1.1", "Content-Length: 5", "Content-Length: 6"), (400,)),
        (("POST /v1/predictions HTTP/1.1", "Content-Length: 4", "Transfer-Encoding: chunked"), (400,)),
        (("GET /v1/model HTTP/1.1", "X-Header : a\x00b"), (400,)),
        (("GET /v1/model HTTP/1.1", "Authorization: Bearer other"), (400,)),
        # Declares a body that never comes: a slow client.
        (("POST /v1/predictions HTTP/1.1", "Content-Length: 100"), (408,)),
    ],
)
def test_smuggled_headers_and_slow_clients_are_sent_away(
    api: Api, lines: tuple[str, ...], statuses: tuple[int, ...]
) -> None:
    answer = raw(api, head(api, *lines))
    assert int(answer.split(b" ", 2)[1]) in statuses, answer[:300]


def test_a_head_that_never_ends_and_a_body_in_drops_are_cut_off(api: Api) -> None:
    assert raw(api, b"GET /v1/model HTTP/1.1\r\nX-Slow: a") == b""
    parts = urlsplit(api.address)
    with socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=60) as line:
        line.sendall(head(api, "POST /v1/predictions HTTP/1.1", "Content-Length: 1000"))
        line.settimeout(0.5)
        answer = b""
        for _ in range(60):
            try:
                answer = line.recv(65_536)
                break
            except TimeoutError:
                # A drop before each limit of a single wait.
                line.sendall(b" ")
        assert answer.startswith(b"HTTP/1.1 408 ")


def test_every_answer_is_as_the_openapi_document_declares_it(api: Api) -> None:
    with api.client() as client:
        document = client.get("/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document)

    for found in schema.get_all_operations():
        operation: Any = found
        call_each(operation.ok().as_strategy(), api)


def call_each(strategy: Any, api: Api) -> None:
    @given(case=strategy)
    @settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def call(case: Any) -> None:
        key = {"Authorization": f"Bearer {api.keys['all']}"}
        answer = case.call(base_url=api.address, headers=key)
        assert answer.status_code < 500 or answer.status_code == 503, answer.text
        # That a day is before 1900, or no month's end, no schema can say.
        case.validate_response(answer, excluded_checks=[positive_data_acceptance])

    call()

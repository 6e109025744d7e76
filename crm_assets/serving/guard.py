"""What stands before every endpoint: request ids, the load limit, time limits, metrics and the log."""

from __future__ import annotations

import asyncio
import logging
import re
import time
import uuid
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crm_assets.serving import problems
from crm_assets.serving.metrics import Metrics
from crm_assets.serving.problems import Problem
from crm_assets.serving.protocol import BEGUN
from crm_assets.settings import Settings

log = logging.getLogger("crm_assets.serving")

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
# What the log says of a client that went away, as nginx does.
CLIENT_GONE = 499
LOOPBACK = ("127.0.0.1", "::1", "localhost")
# These answer even if the API is busy: who watches over it must not think that it is dead.
ALWAYS = ("/healthz", "/readyz", "/metrics")
# Seconds after which many requests that wait to be looked at are too many: each would be later than the last.
LATE = 0.25
# Headers of which one request may have only one: two readers could each believe another one.
ONCE = (b"authorization", b"x-api-key", b"host", b"content-length", b"content-type", b"transfer-encoding")


class Guard:
    """The outermost ASGI application of the API."""

    def __init__(self, app: ASGIApp, metrics: Metrics, settings: Settings) -> None:
        self.app, self.metrics = app, metrics
        self.most, self.most_bytes = settings.api_in_flight, settings.api_max_body
        self.answer_seconds = settings.api_answer_timeout
        self.seconds, self.only_this_machine = settings.api_timeout, settings.api_key_file is None
        self.under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, seen = time.perf_counter(), _Seen(send, request_id(scope))
        scope["request_id"] = seen.request_id
        busy = self._busy(scope) and scope["path"] not in ALWAYS
        self.under_way += 1
        self.metrics.in_flight.set(self.under_way)
        try:
            refusal = self._refusal(scope, busy)
            if refusal is not None:
                await refusal(scope, receive, seen)
            else:
                await self._timed(scope, receive, seen)
        finally:
            self.under_way -= 1
            self.metrics.in_flight.set(self.under_way)
            self._tell(scope, seen, time.perf_counter() - started)

    def _busy(self, scope: Scope) -> bool:
        """Return whether a request must be shed, so that the others are answered in time."""
        if self.under_way >= self.most:
            return True
        waiting, since = scope.get(BEGUN, ((), 0.0))
        return len(waiting) > self.most and asyncio.get_running_loop().time() - since > LATE

    def _refusal(self, scope: Scope, busy: bool) -> Any:
        """Return the answer to a request that goes no further; None if it may go on."""

        def refuse(status: int, detail: str, headers: dict[str, str] | None = None) -> Any:
            return problems.answer(scope["request_id"], status, detail, None, headers)

        names = [name for name, _ in scope["headers"]]
        if twice := next((name for name in ONCE if names.count(name) > 1), None):
            return refuse(400, f"The header {twice.decode()} is there more than once; send it once.")
        if self.only_this_machine:
            client = (scope.get("client") or ("",))[0]
            host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
            name = host.rsplit(":", 1)[0].strip("[]") if not host.endswith("]") else host.strip("[]")
            if client not in (*LOOPBACK, "testclient"):
                return refuse(403, "Without API keys only this machine is served; set CRM_API_KEY_FILE.")
            # A web page could otherwise make a browser on this machine ask under a name of its own.
            if name not in (*LOOPBACK, "testserver"):
                return refuse(421, "Without API keys the host must be localhost; set CRM_API_KEY_FILE.")
        size = dict(scope["headers"]).get(b"content-length", b"")
        if size.isdigit() and int(size) > self.most_bytes:
            large = self._too_large()
            return refuse(413, large.detail, large.headers)
        if busy:
            said = f"{self.most} requests are under way already; try again in a second."
            return refuse(429, said, {"Retry-After": "1"})
        return None

    async def _timed(self, scope: Scope, receive: Receive, seen: _Seen) -> None:
        over, size, until = False, 0, asyncio.get_running_loop().time() + self.seconds

        async def in_time() -> Message:
            nonlocal over, size
            if over:
                return await receive()
            try:
                async with asyncio.timeout_at(until):
                    message = await receive()
            except TimeoutError:
                said = f"The body did not arrive within {self.seconds:g} seconds; send it again."
                raise Problem(408, said, headers={"Connection": "close"}) from None
            size += len(message.get("body", b""))
            if size > self.most_bytes:
                raise self._too_large()
            over = message["type"] != "http.request" or not message.get("more_body", False)
            return message

        try:
            async with asyncio.timeout(self.seconds + self.answer_seconds):
                await self.app(scope, in_time, seen)
        except TimeoutError:
            if not seen.status:
                said = f"It took longer than {self.answer_seconds:g} seconds; send fewer deals, or try again."
                await problems.answer(seen.request_id, 504, said)(scope, receive, seen)
        except ClientDisconnect:
            # Nobody waits for an answer.
            seen.status = CLIENT_GONE
        except Exception:
            # The client has its answer already, see `problems.install`.
            log.exception("failed", extra={"fields": {"request_id": seen.request_id}})

    def _too_large(self) -> Problem:
        said = f"The body has more than {self.most_bytes:,} bytes; send fewer deals at once."
        return Problem(413, said, headers={"Connection": "close"})

    def _tell(self, scope: Scope, seen: _Seen, seconds: float) -> None:
        # The address as it is declared: ids in it, and the query, may be personal.
        route = getattr(scope.get("route"), "path", None) or "none"
        self.metrics.requests.labels(route, str(seen.status)).inc()
        self.metrics.seconds.labels(route).observe(seconds)
        if route in ALWAYS:
            return
        fields = {"request_id": seen.request_id, "method": scope["method"], "route": route}
        fields |= {"status": seen.status, "ms": round(seconds * 1000, 2), "bytes": seen.bytes}
        log.info("request", extra={"fields": fields | {"key": scope.get("caller", "-")}})


class _Seen:
    """Sends an answer, with the headers that all have, and remembers its status and size."""

    def __init__(self, send: Send, request_id: str) -> None:
        self.send, self.request_id = send, request_id
        self.status = self.bytes = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [pair for pair in message["headers"] if pair[0].lower() != b"x-request-id"]
            message["headers"] = [
                *headers,
                (b"x-request-id", self.request_id.encode()),
                (b"x-content-type-options", b"nosniff"),
                (b"cache-control", b"no-store"),
            ]
        elif message["type"] == "http.response.body":
            self.bytes += len(message.get("body", b""))
        await self.send(message)


def request_id(scope: Scope) -> str:
    """Return the id that the client sent, if it is a plain one, or a new one."""
    given = dict(scope["headers"]).get(b"x-request-id", b"")
    return given.decode() if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex

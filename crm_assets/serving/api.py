"""What all endpoints share: the service behind them, who calls, how often, and how answers are written."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request, Response
from fastapi.openapi.models import HTTPBearer as HTTPBearerModel
from fastapi.security.base import SecurityBase
from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, Storage
from limits.aio.strategies import FixedWindowRateLimiter
from limits.storage import storage_from_string
from pydantic_core import to_json

from crm_assets.serving.cache import Cache
from crm_assets.serving.keys import LOCAL, READ, SCORE, Key, Keys, RefusedError
from crm_assets.serving.metrics import Metrics
from crm_assets.serving.problems import Problem
from crm_assets.serving.state import Follower, State
from crm_assets.settings import Settings

log = logging.getLogger("crm_assets.serving")

JSON = "application/json"
# The name of the way to authenticate, in the OpenAPI document.
SCHEME = "ApiKey"


@dataclass(frozen=True)
class Service:
    """What the endpoints work with."""

    settings: Settings
    follower: Follower
    cache: Cache
    metrics: Metrics
    rates: Rates
    # More threads than processors would only take turns.
    workers: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(os.cpu_count() or 1))
    # Months are prepared one after the other; those who wait must not take the workers' places.
    preparing: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(1))

    def state(self) -> State:
        """Return the state in force, with stored answers.

        Raises:
            Problem: there are none yet.
        """
        state = self.follower.state
        if state.stored is None:
            said = self.follower.health.tables or "The tables are being read; try again in a second."
            raise Problem(503, said, headers={"Retry-After": "1"})
        return state


class Rates:
    """Counts the requests of each key; in Redis if one is set, so that several APIs count together."""

    def __init__(self, settings: Settings) -> None:
        self._item: RateLimitItem = parse(settings.api_rate)
        self._own = FixedWindowRateLimiter(MemoryStorage())
        self._shared = _shared(settings)

    async def check(self, key: Key) -> None:
        """Count a request.

        Raises:
            Problem: the key has made too many.
        """
        if not await self._hit(key.id):
            raise Problem(
                429,
                f"The key may make {self._item} requests; wait before the next one.",
                headers={"Retry-After": "1"},
            )

    async def _hit(self, key: str) -> bool:
        if self._shared is not None:
            try:
                return await self._shared.hit(self._item, "crm-assets", key)
            except Exception as error:  # count alone until Redis is back
                log.debug("redis away", extra={"fields": {"error": type(error).__name__}})
        return await self._own.hit(self._item, "crm-assets", key)


def _shared(settings: Settings) -> FixedWindowRateLimiter | None:
    if settings.redis_url is None:
        return None
    url = settings.redis_url.get_secret_value()
    options = {"socket_timeout": 0.05, "socket_connect_timeout": 0.05}
    storage: Any = storage_from_string(f"async+{url}", implementation="redispy", **options)
    return FixedWindowRateLimiter(storage) if isinstance(storage, Storage) else None


async def service(request: Request) -> Service:
    """Return the service behind an app."""
    return request.app.state.service


class _ApiKey(SecurityBase):
    """Finds out who calls, and whether the key may do this; a single dependency, since each takes time."""

    def __init__(self, scope: str) -> None:
        self.scope, self.scheme_name = scope, SCHEME
        self.model = HTTPBearerModel(description="The API key; `X-API-Key` takes it, too.")

    async def __call__(self, request: Request) -> Key:
        """Return the row of the key.

        Raises:
            Problem: there is none, or it may not.
        """
        of: Service = request.app.state.service
        key = _known(of.follower.keys, request)
        request.scope["caller"] = key.name
        if self.scope not in key.may:
            raise Problem(403, f"This key may not {self.scope}; use one with the scope {self.scope}.")
        await of.rates.check(key)
        return key


def _known(keys: Keys | None, request: Request) -> Key:
    if keys is None:
        return LOCAL
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    given = token.strip() if kind.lower() == "bearer" else request.headers.get("x-api-key")
    challenge = {"WWW-Authenticate": "Bearer"}
    if not given:
        raise Problem(401, "Send an API key: Authorization: Bearer crm_…", headers=challenge)
    try:
        return keys.caller(given)
    except RefusedError as error:
        raise Problem(401, str(error), headers=challenge) from None


may_read, may_score = _ApiKey(READ), _ApiKey(SCORE)
Serving = Annotated[Service, Depends(service)]
Reads = Annotated[Key, Depends(may_read)]
Scores = Annotated[Key, Depends(may_score)]


def written(answer: Any) -> bytes:
    """Return an answer as JSON; missing numbers are null."""
    return to_json(answer, inf_nan_mode="null")


def sent(body: bytes) -> Response:
    """Return a response of JSON."""
    return Response(body, media_type=JSON)


async def remembered(of: Service, state: State, key: Key, what: str, make: Callable[[], Any]) -> Response:
    """Return an answer from the cache, or make it and keep it.

    Args:
        of: the service.
        state: the state that the answer is made from.
        key: who calls.
        what: the request.
        make: makes the answer.
    """
    place = of.cache.key(state.tag, str(key.sees), what)
    body = await of.cache.get(place)
    if body is None:
        body = await to_thread.run_sync(lambda: written(make()), limiter=of.workers)
        await of.cache.put(place, body)
    return sent(body)

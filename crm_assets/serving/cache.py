"""Answers that cannot have changed: in this process, and in Redis if several APIs share one.

A key holds the model version, the version of the tables, and who may see what, so no answer is ever out of
date. Redis is only a help: if it is away, or slow, the API computes the answer itself and tries again later.
"""

from __future__ import annotations

import hashlib
import logging
import time
from typing import TYPE_CHECKING, Any

from cachetools import LRUCache

from crm_assets.settings import Settings, without_password

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = logging.getLogger("crm_assets.serving")

# Bytes that this process keeps of answers, and of what each takes beside its text.
HELD = 64_000_000
BESIDE = 500
# Larger answers are not kept.
LARGEST = 2_000_000
SECONDS_KEPT = 24 * 3600
# A cache that takes longer than this is no help.
PATIENCE = 0.05
# Seconds until a Redis that failed is tried again.
PAUSE = 5.0
PREFIX = "crm-assets:answer:"


class Cache:
    """A small cache in this process, before a shared one in Redis."""

    def __init__(self, settings: Settings) -> None:
        self._held: LRUCache[str, bytes] = LRUCache(HELD, getsizeof=_size)
        self._redis = _connect(settings)
        self._where = without_password(settings.redis_url.get_secret_value()) if settings.redis_url else None
        self._away_until = 0.0
        self.hits = self.misses = self.failures = 0

    @property
    def problem(self) -> str | None:
        """Say that Redis does not answer; None if it does, or none is set."""
        away = self._redis is not None and time.monotonic() < self._away_until
        return f"Redis at {self._where} does not answer; answers are computed without it." if away else None

    @staticmethod
    def key(*parts: str) -> str:
        """Return the key of an answer."""
        return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()

    async def get(self, key: str) -> bytes | None:
        """Return an answer; None if it is not there."""
        found = self._held.get(key)
        if found is None and (found := await self._ask(key)) is not None:
            self._held[key] = found
        self.hits += found is not None
        self.misses += found is None
        return found

    async def put(self, key: str, answer: bytes) -> None:
        """Keep an answer."""
        if len(answer) > LARGEST:
            return
        self._held[key] = answer
        if self._redis is None or time.monotonic() < self._away_until:
            return
        try:
            await self._redis.set(f"{PREFIX}{key}", answer, ex=SECONDS_KEPT)
        except Exception as error:  # any fault of a cache is a miss
            self._failed(error)

    async def close(self) -> None:
        """Close the connections."""
        if self._redis is not None:
            await self._redis.aclose()

    async def _ask(self, key: str) -> bytes | None:
        if self._redis is None or time.monotonic() < self._away_until:
            return None
        try:
            found: Any = await self._redis.get(f"{PREFIX}{key}")
            return found
        except Exception as error:  # any fault of a cache is a miss
            self._failed(error)
            return None

    def _failed(self, error: Exception) -> None:
        self.failures += 1
        self._away_until = time.monotonic() + PAUSE
        log.warning("redis away", extra={"fields": {"redis": self._where, "error": type(error).__name__}})


def _size(answer: bytes) -> int:
    return len(answer) + BESIDE


def _connect(settings: Settings) -> Redis | None:
    """Return a client of the Redis in force, which connects on first use."""
    if settings.redis_url is None:
        return None
    # Imported here, since most installations have no Redis.
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    return Redis.from_url(
        settings.redis_url.get_secret_value(),
        socket_timeout=PATIENCE,
        socket_connect_timeout=PATIENCE,
        # A connection from before an outage fails once.
        retry=Retry(NoBackoff(), 1),
    )

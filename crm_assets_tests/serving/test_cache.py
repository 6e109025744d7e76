"""Answers are shared through a real Redis, and come without it while it is away."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from crm_assets.serving import cache as caching
from crm_assets.serving.api import Rates
from crm_assets.serving.cache import Cache
from crm_assets.serving.keys import LOCAL
from crm_assets.serving.problems import Problem
from crm_assets.settings import Settings, get_settings
from dev.mlflow_server import free_port
from dev.redis_server import redis_server


@pytest.fixture
def redis_settings(monkeypatch: pytest.MonkeyPatch) -> tuple[Settings, int]:
    port = free_port()
    monkeypatch.setenv("CRM_REDIS_URL", f"redis://127.0.0.1:{port}/0")
    monkeypatch.setenv("CRM_API_RATE", "5/hour")
    # A busy machine is slow, but not away.
    monkeypatch.setattr(caching, "PATIENCE", 5.0)
    monkeypatch.setattr(caching, "PAUSE", 0.0)
    return get_settings(), port


def test_two_apis_share_answers_through_redis_and_go_on_without_it(
    redis_settings: tuple[Settings, int], tmp_path: Path
) -> None:
    settings, port = redis_settings

    async def talk() -> None:
        first, second = Cache(settings), Cache(settings)
        try:
            with redis_server(tmp_path, port):
                await first.put("a", b"answer")
                assert await second.get("a") == b"answer"
                assert second.problem is None
            # Redis is away: what this process holds is there, everything else is a miss, and nothing fails.
            assert await second.get("a") == b"answer"
            assert await second.get("b") is None
            await second.put("b", b"own")
            assert await second.get("b") == b"own"
            assert second.failures >= 2
            with redis_server(tmp_path, port):
                await first.put("c", b"again")
                assert await second.get("c") == b"again"
        finally:
            await first.close()
            await second.close()

    asyncio.run(talk())


def test_requests_are_counted_with_and_without_redis(
    redis_settings: tuple[Settings, int], tmp_path: Path
) -> None:
    settings, port = redis_settings

    async def count() -> None:
        one, two = Rates(settings), Rates(settings)
        with redis_server(tmp_path, port):
            for rates in (one, two, one, two, one):
                await rates.check(LOCAL)
            with pytest.raises(Problem, match="may make 5 per 1 hour requests"):
                await two.check(LOCAL)
        for _ in range(5):
            await two.check(LOCAL)
        with pytest.raises(Problem):
            await two.check(LOCAL)

    asyncio.run(count())


def test_an_answer_that_changes_has_another_key() -> None:
    keys = {Cache.key(*parts) for parts in (("1", "all", "x"), ("2", "all", "x"), ("1", "office:W", "x"))}
    assert len(keys) == 3


def test_a_large_answer_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching, "LARGEST", 3)

    async def keep() -> None:
        kept = Cache(get_settings())
        await kept.put("a", b"1234")
        assert await kept.get("a") is None

    asyncio.run(keep())

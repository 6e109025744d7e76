"""Mixed load on the REST API while the champion changes, and registry and Redis go away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from dev.api_server import api_server
from dev.mlflow_server import free_port
from dev.redis_server import redis_server


def disturbed(
    folder: Path, environment: dict[str, str], home: Path, minutes: float, body: dict[str, Any]
) -> str:
    """Switch the champion 20 times, and take registry and Redis away, under mixed load; say what happened."""
    from mlflow.tracking import MlflowClient

    from crm_assets.registry.aliases import CHAMPION, MODEL
    from crm_assets_tests.serving.conftest import second_version

    uri = f"sqlite:///{home / 'mlflow.db'}"
    client = MlflowClient(uri, uri)
    (folder / "second").mkdir()
    other = second_version(client, folder / "second")
    port, database = free_port(), home / "mlflow.db"
    seen: dict[tuple[str, float], int] = {}
    failed: list[str] = []
    stop = threading.Event()

    def ask(address: str, send: Callable[[httpx.Client], httpx.Response], fresh: bool) -> None:
        with httpx.Client(base_url=address, timeout=120) as http:
            while not stop.is_set():
                answer = send(http)
                if answer.status_code != 200:
                    failed.append(answer.text)
                elif fresh:
                    told = answer.json()
                    key = told["model_version"], told["predictions"][0]["probability"]
                    seen[key] = seen.get(key, 0) + 1
                time.sleep(0.02)

    with api_server(folder, {**environment, "CRM_REDIS_URL": f"redis://127.0.0.1:{port}/0"}) as (address, _):
        askers = [
            threading.Thread(
                target=ask, args=(address, lambda h: h.post("/v1/predictions", json=body), True)
            ),
            threading.Thread(target=ask, args=(address, lambda h: h.get("/v1/opportunities"), False)),
            threading.Thread(target=ask, args=(address, lambda h: h.get("/v1/changes"), False)),
        ]
        part = 60 * minutes / 22
        with redis_server(folder / "redis", port):
            for asker in askers:
                asker.start()
            for turn in range(10):
                client.set_registered_model_alias(MODEL, CHAMPION, other if turn % 2 == 0 else "1")
                time.sleep(part)
        # Redis is away.
        time.sleep(part)
        away = database.rename(database.with_suffix(".away"))
        database.write_bytes(b"this is no registry")
        time.sleep(part)
        away.replace(database)
        with redis_server(folder / "redis", port):
            for turn in range(10):
                client.set_registered_model_alias(MODEL, CHAMPION, other if turn % 2 == 0 else "1")
                time.sleep(part)
            stop.set()
            for asker in askers:
                asker.join()
    mixed = len(seen) - len({version for version, _ in seen})
    return (
        f"{minutes:g} minutes with 20 changes of the champion, one outage of the registry and one of Redis: "
        f"{sum(seen.values()):,} fresh predictions, {len(failed):,} failed requests, {mixed} mixed answers."
    )

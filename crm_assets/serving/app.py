"""Put the API together: `create_app` for tests and servers, with everything that stands around it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from crm_assets.serving import invocation, problems, read, schemas, score, watch
from crm_assets.serving.api import Rates, Service
from crm_assets.serving.cache import Cache
from crm_assets.serving.guard import Guard
from crm_assets.serving.metrics import Metrics
from crm_assets.serving.state import Follower
from crm_assets.serving.words import add_words
from crm_assets.settings import Settings
from crm_assets.storage.choice import open_store

DESCRIPTION = (
    "Which open deals will be won, with what probability, and how much revenue that adds up "
    "to. Stored answers come from the last run of the graph; fresh predictions come from the same model "
    "and the same features."
)
# Bodies that endpoints read by hand, and so are not documented by FastAPI.
_BODIES = (schemas.PredictionsRequest, invocation.Invocation, problems.ProblemBody)


def create_app(settings: Settings, follower: Follower | None = None) -> tuple[Guard, FastAPI]:
    """Return the API behind its guard, and the API itself.

    Args:
        settings: the settings in force.
        follower: what follows champion and tables; a new one by default, which starts with the app.
    """
    metrics = Metrics()
    followed = follower or Follower(settings, open_store(settings))
    service = Service(settings, followed, Cache(settings), metrics, Rates(settings))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        if follower is None:
            followed.start()
        yield
        followed.stop()
        await service.cache.close()

    app = FastAPI(
        title="crm_assets",
        version="1",
        description=DESCRIPTION,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.state.service = service
    problems.install(app)
    for part in (read, score, watch):
        app.include_router(part.router)
    app.openapi = lambda: _documented(app)
    guard = Guard(app, metrics, settings)
    return guard, app


def _documented(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document, with the bodies that endpoints read by hand."""
    if app.openapi_schema is None:
        told = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        _, own = models_json_schema(
            [(model, "validation") for model in _BODIES], ref_template="#/components/schemas/{model}"
        )
        parts = told.setdefault("components", {}).setdefault("schemas", {})
        parts.update(own.get("$defs", {}))
        # Our own problems take their place.
        for unused in ("HTTPValidationError", "ValidationError"):
            parts.pop(unused, None)
        add_words(told)
        app.openapi_schema = told
    return app.openapi_schema

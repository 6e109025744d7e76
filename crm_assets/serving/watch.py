"""The endpoints that tell about the service itself: the model in force, and whether all is well."""

from __future__ import annotations

from typing import Any

import pandas as pd
from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from crm_assets.modeling.verdicts import NO_VERSION
from crm_assets.serving import schemas
from crm_assets.serving.api import Reads, Service, Serving, sent, written
from crm_assets.serving.problems import Problem, responses
from crm_assets.serving.stored import plain

router = APIRouter(tags=["service"])

PROBLEMS = responses(400, 401, 403, 413, 421, 429, 500, 503, 504)

_BOARD = (
    "contender",
    "baseline",
    "chosen",
    "in_force",
    "test_roc_auc",
    "test_brier",
    "test_log_loss",
    "test_ece",
)
_VERDICTS = ("feature", "verdict", "used", "overruled", "reason")
_METRIC = "test_"


@router.get("/v1/model", response_model=schemas.ModelOut, responses=PROBLEMS)
async def model(of: Serving, _: Reads) -> Response:
    """Return the model in force: features, metrics beside baselines, and the verdicts of the leak audit."""
    state = of.state()
    champion, facts, stored = state.champion, state.facts, state.stored
    metrics = {name.removeprefix(_METRIC): facts[name] for name in facts if name.startswith(_METRIC)}
    body = {
        "name": facts.get("name", ""),
        "version": state.version,
        "algorithm": champion.algorithm if champion else state.rate or NO_VERSION,
        "target": champion.target.name if champion else "",
        "source": champion.source if champion else "",
        "features": champion.features if champion else [],
        "trained_until": champion.trained_months[-1] if champion else None,
        "scored_by": state.rate or ("champion" if champion else NO_VERSION),
        "decision": facts.get("decision"),
        "decision_reason": facts.get("decision_reason"),
        "metrics": {name: float(value) for name, value in metrics.items() if name != "months"},
        "leaderboard": _rows(state.leaderboard, _BOARD),
        "verdicts": _rows(state.audit, _VERDICTS),
        "stored": {
            "month": stored.month,
            "model_version": str(stored.deals["model_version"].iloc[0]) if len(stored.deals) else None,
            "waiting_months": stored.waiting,
            "read_at": stored.read_at.isoformat(timespec="seconds"),
        }
        if stored
        else {},
        "following": _following(of),
    }
    return sent(written(body))


@router.get("/healthz", response_model=dict[str, str], responses=responses(400, 403, 413, 421, 504))
@router.get("/ping", include_in_schema=False)
async def healthz() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": "ok"}


@router.get("/version", include_in_schema=False)
async def version(of: Serving) -> dict[str, str]:
    """Return the version in force, as MLflow's clients ask for it."""
    return {"model_version": of.follower.state.version}


@router.get("/readyz", response_model=dict[str, Any], responses=responses(400, 403, 413, 421, 503, 504))
async def readyz(of: Serving) -> dict[str, Any]:
    """Say whether the service can answer, and what it does without at the moment."""
    if not of.follower.ready:
        health = of.follower.health
        said = (
            health.tables
            or health.registry
            or "The tables and the model are being read; try again in a second."
        )
        raise Problem(503, said, headers={"Retry-After": "1"})
    return {"status": "ready", "model_version": of.follower.state.version, **_following(of)}


@router.get("/metrics", include_in_schema=False)
async def metrics(of: Serving) -> Response:
    """Return what Prometheus scrapes."""
    told, state, health = of.metrics, of.follower.state, of.follower.health
    told.model.set(int(state.version) if state.version.isdecimal() else 0)
    told.switches.set(of.follower.switches)
    parts = {
        "registry": health.registry,
        "tables": health.tables,
        "keys": of.follower.keys_problem,
        "redis": of.cache.problem,
    }
    for part, problem in parts.items():
        told.healthy.labels(part).set(problem is None)
    for what in ("hits", "misses", "failures"):
        told.cache.labels(what).set(getattr(of.cache, what))
    return Response(told.text(), media_type=CONTENT_TYPE_LATEST)


def _following(of: Service) -> dict[str, Any]:
    health = of.follower.health
    return {
        "registry": health.registry or "ok",
        "tables": health.tables or "ok",
        "keys": of.follower.keys_problem or "ok",
        "redis": of.cache.problem or "ok",
        "checked_at": health.checked_at and health.checked_at.isoformat(timespec="seconds"),
    }


def _rows(table: pd.DataFrame, columns: tuple[str, ...]) -> list[dict[str, Any]]:
    shown = [name for name in columns if name in table]
    return [plain(row) for row in table[shown].to_dict("records")]

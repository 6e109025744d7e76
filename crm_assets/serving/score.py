"""The endpoints that predict posted deals: our own, and one in MLflow's shape."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from anyio import to_thread
from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect

from crm_assets.crm.months import month_end
from crm_assets.errors import NotEnoughDataError
from crm_assets.insight.scope import Scope
from crm_assets.serving import invocation, schemas
from crm_assets.serving.api import JSON, Scores, Service, Serving, may_score, sent, service, written
from crm_assets.serving.fresh import Fresh
from crm_assets.serving.keys import Key
from crm_assets.serving.problems import Fault, Problem, faults, responses
from crm_assets.serving.state import State, month_of
from crm_assets.serving.stored import Stored

Asked = TypeVar("Asked", bound=BaseModel)


class Direct(APIRoute):
    """Calls an endpoint of this module without FastAPI's search for dependencies: a third of the time."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the function that answers a request."""
        endpoint = self.endpoint

        async def answer(request: Request) -> Response:
            key = await may_score(request)
            return await endpoint(request, await service(request), key)

        return answer


router = APIRouter(tags=["fresh predictions"], route_class=Direct)

PROBLEMS = responses(400, 401, 403, 408, 413, 415, 421, 422, 429, 500, 503, 504)
# So few deals are done before a thread would have started, or a cache would have answered.
FEW = 10


def _body(model: Any, examples: dict[str, Any]) -> dict[str, Any]:
    """Return the documentation of a body that is read by hand, which is faster and bounds its depth."""
    content = {JSON: {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}, "examples": examples}}
    return {"requestBody": {"required": True, "content": content}}


_DEAL = {"opportunity_id": "006A1", "sales_agent": "Maureen Marcano", "product": "GTX Plus Pro"}
_EXAMPLE = {"deals": [_DEAL | {"engage_date": "2017-11-04"}]}


@router.post(
    "/v1/predictions",
    response_model=schemas.Predictions,
    responses=PROBLEMS,
    openapi_extra=_body(schemas.PredictionsRequest, {"one deal": {"value": _EXAMPLE}}),
)
async def predictions(request: Request, of: Serving, key: Scores) -> Response:
    """Predict 1 to 1,000 deals, given as raw CRM fields, as of the end of a month."""
    body = await _read(request)
    asked = _validated(schemas.PredictionsRequest, body)
    state = of.state()
    many = len(asked.deals) > FEW
    place = of.cache.key(state.tag, str(key.sees), "predictions", body.decode()) if many else ""
    if many and (known := await of.cache.get(place)) is not None:
        return sent(known)
    ready = await _fresh(of, state, None if asked.as_of is None else f"{asked.as_of}")

    def make() -> bytes:
        given = [deal.model_dump(exclude_none=True) for deal in asked.deals]
        return written(_predicted(of, state, ready, key, given, asked.reasons))

    answer = await _made(request, of, len(asked.deals), make)
    if many:
        await of.cache.put(place, answer)
    return sent(answer)


def _predicted(
    of: Service, state: State, ready: Fresh, key: Key, given: list[dict[str, Any]], why: bool
) -> dict[str, Any]:
    columns = set(ready.online.columns)
    unknown = sorted({name for deal in given for name in deal} - columns)
    deals = [{name: value for name, value in deal.items() if name in columns} for deal in given]
    rows = _features(ready, key.sees, deals)
    found = ready.predict(deals, rows, of.settings.band_limits, why)
    stored: Stored = state.stored  # ty: ignore[invalid-assignment]
    return {
        "as_of": _end(ready),
        "currency": stored.currency,
        "model_version": ready.scorer.version,
        "algorithm": ready.scorer.algorithm,
        "scored_by": ready.scorer.scored_by,
        "predictions": [
            {
                "opportunity_id": one.opportunity_id,
                **one.probabilities,
                "band": one.band,
                "expected_value": one.expected_value,
                "expected_revenue": one.expected_revenue,
                "reasons": [
                    {
                        "feature": reason.feature,
                        "direction": reason.direction,
                        "words": str(reason),
                        "contribution": reason.contribution,
                    }
                    for reason in one.reasons
                ],
                "warnings": one.warnings,
            }
            for one in found
        ],
        "warnings": [f"This CRM's data has no {name}: it was left out." for name in unknown],
    }


def _features(ready: Fresh, sees: Scope, deals: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the features of deals, all of which must be open and in the caller's scope."""
    rows, left_out = ready.features(deals)
    if left_out:
        where = [
            Fault(where=f"deals.{place}", what=f"is not open on {_end(ready)}") for place in left_out[:20]
        ]
        raise Problem(422, f"Deals must be engaged, and entered into the CRM, by {_end(ready)}.", where)
    _check_scope(sees, rows)
    return rows


def _check_scope(sees: Scope, rows: list[dict[str, Any]]) -> None:
    if not all(map(sees.shows, rows)):
        raise Problem(403, f"This key sees {sees} only; some of the deals are of others.")


def _end(ready: Fresh) -> str:
    return f"{month_end(ready.scorer.month)}"


async def _fresh(of: Service, state: State, as_of: str | None) -> Fresh:
    stored: Stored = state.stored  # ty: ignore[invalid-assignment]
    month = stored.month
    if as_of is not None:
        try:
            month = month_of(as_of, stored.months)
        except NotEnoughDataError as error:
            raise Problem(422, str(error), [Fault(where="as_of", what="is not such a day")]) from None
    if state.champion is None and state.rate is None:
        said = of.follower.health.registry or "The model is being loaded; try again in a second."
        raise Problem(503, said, headers={"Retry-After": "1"})
    if (ready := state.prepared(month)) is not None:
        return ready
    try:
        return await to_thread.run_sync(of.follower.fresh, state, month, limiter=of.preparing)
    except NotEnoughDataError as error:
        raise Problem(422, str(error), [Fault(where="as_of", what="is too early")]) from None


@router.post(
    "/invocations",
    response_model=invocation.Invoked,
    responses=PROBLEMS,
    openapi_extra=_body(
        invocation.Invocation,
        {"records": {"value": {"dataframe_records": _EXAMPLE["deals"]}}},
    ),
)
async def invocations(request: Request, of: Serving, key: Scores) -> Response:
    """Predict in MLflow's shape: rows of raw CRM fields, or of the model's own features."""
    asked = _validated(invocation.Invocation, await _read(request))
    rows = asked.rows()
    if not 1 <= len(rows) <= schemas.MOST_DEALS:
        raise Problem(422, f"Send 1 to {schemas.MOST_DEALS:,} rows.")
    state = of.state()
    ready = await _fresh(of, state, None)

    def make() -> bytes:
        return written({"predictions": _invoked(ready, key, rows)})

    return sent(await _made(request, of, len(rows), make))


def _invoked(ready: Fresh, key: Key, rows: list[dict[str, Any]]) -> list[list[float]]:
    """Return the probabilities of not being won, and of being won, as the model's own `predict_proba`."""
    if "engage_date" in rows[0]:
        try:
            deals = [schemas.Deal.model_validate_json(written(row)) for row in rows]
        except ValidationError as error:
            raise _refused(error) from None
        columns = set(ready.online.columns)
        given = [deal.model_dump(exclude_none=True, include=columns) for deal in deals]
        featured = _features(ready, key.sees, given)
    else:
        featured = invocation.feature_rows(rows, ready.scorer.features, ready.scorer.month)
        _check_scope(key.sees, featured)
    won = ready.scorer.probabilities(featured)
    return [[1 - chance, chance] for chance in won.tolist()]


async def _read(request: Request) -> bytes:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != JSON:
        raise Problem(415, f"Send {JSON}.")
    body = await request.body()
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        raise Problem(400, "The body is not UTF-8 text.") from None
    return body


def _validated(model: type[Asked], body: bytes) -> Asked:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise _refused(error) from None


async def _made(request: Request, of: Service, deals: int, make: Callable[[], bytes]) -> bytes:
    """Return an answer about some deals, and count them."""
    if deals <= FEW:
        answer = make()
    else:
        async with of.workers:
            # Nobody waits any more: others do.
            if await request.is_disconnected():
                raise ClientDisconnect
            answer = await to_thread.run_sync(make)
    of.metrics.deals.inc(deals)
    return answer


def _refused(error: ValidationError) -> Problem:
    """Return the problem of a body that is not valid: 400 if it is no JSON at all."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    if found and found[0]["type"] == "json_invalid":
        return Problem(400, f"The body is not JSON: {found[0]['msg'].partition(': ')[2]}.")
    return Problem(422, "Correct the fields below.", faults(found))

"""The endpoints that read stored answers."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

import pandas as pd
from fastapi import APIRouter, Path, Query, Request, Response

from crm_assets.crm.months import month_end
from crm_assets.crm.targets import TARGETS
from crm_assets.serving import schemas
from crm_assets.serving.api import Reads, Serving, remembered, sent, written
from crm_assets.serving.problems import Problem, responses
from crm_assets.serving.stored import Stored, plain, summaries

router = APIRouter(prefix="/v1", tags=["stored answers"])

PROBLEMS = responses(400, 401, 403, 404, 413, 421, 422, 429, 500, 503, 504)
MOST = 500
HORIZONS = {target.months: target for target in TARGETS}


class Order(StrEnum):
    """By what a list of deals is sorted."""

    PROBABILITY = "probability"
    PROBABILITY_3_MONTHS = "probability_3_months"
    EXPECTED_VALUE = "expected_value"
    EXPECTED_REVENUE = "expected_revenue"
    DAYS_OPEN = "days_open"
    OPPORTUNITY_ID = "opportunity_id"


Name = Annotated[str | None, Query(max_length=200)]
Limit = Annotated[int, Query(ge=1, le=MOST, description="How many at most.")]
Offset = Annotated[int, Query(ge=0, le=10_000_000, description="How many to skip.")]


@router.get("/opportunities", response_model=schemas.Opportunities, responses=PROBLEMS)
async def opportunities(
    request: Request,
    of: Serving,
    key: Reads,
    agent: Name = None,
    manager: Name = None,
    office: Name = None,
    product: Name = None,
    stage: Name = None,
    band: Annotated[Literal["A", "B", "C", "D"] | None, Query()] = None,
    min_probability: Annotated[float | None, Query(ge=0, le=1, allow_inf_nan=False)] = None,
    min_value: Annotated[float | None, Query(ge=0, le=1e15, allow_inf_nan=False)] = None,
    sort: Order = Order.PROBABILITY,
    descending: bool = True,
    limit: Limit = 50,
    offset: Offset = 0,
) -> Response:
    """List the open deals of the newest scored month."""
    state = of.state()
    stored: Stored = state.stored  # ty: ignore[invalid-assignment]
    wanted = {
        "sales_agent": agent,
        "manager": manager,
        "regional_office": office,
        "product": product,
        "stage": stage,
        "band": band,
    }

    def make() -> dict[str, Any]:
        deals = key.sees.of_frame(stored.deals)
        for column, name in wanted.items():
            if name is not None:
                deals = deals[deals[column] == name] if column in deals else deals.iloc[:0]
        for column, least in (("probability", min_probability), ("expected_value", min_value)):
            if least is not None:
                deals = deals[deals[column] >= least]
        deals = deals.sort_values([sort.value, "opportunity_id"], ascending=[not descending, True])
        shown = summaries(deals.iloc[offset : offset + limit])
        return _page(stored, len(deals), offset, limit) | {"opportunities": shown}

    return await remembered(of, state, key, f"opportunities?{request.url.query}", make)


@router.get("/opportunities/{opportunity_id}", response_model=schemas.OpportunityDetail, responses=PROBLEMS)
async def opportunity(
    of: Serving, key: Reads, opportunity_id: Annotated[str, Path(max_length=500)]
) -> Response:
    """Return an open deal with its reasons and its history."""
    stored: Stored = of.state().stored  # ty: ignore[invalid-assignment]
    place = stored.place(opportunity_id, key.sees)
    if place is None:
        raise Problem(
            404,
            f"There is no deal with this id among those that were open at the end of {stored.month} and that "
            "this key sees.",
        )
    return sent(written({"as_of": stored.as_of, "currency": stored.currency} | stored.detail(place)))


@router.get("/forecast", response_model=schemas.Forecast, responses=PROBLEMS)
async def forecast(
    request: Request,
    of: Serving,
    key: Reads,
    horizon_months: Annotated[int | None, Query(ge=1, le=max(HORIZONS))] = None,
    level: Annotated[
        Literal["total", "sales_agent", "manager", "regional_office", "product"] | None, Query()
    ] = None,
    name: Name = None,
) -> Response:
    """Return the wins and the revenue to expect, from open deals and from new business, with intervals."""
    state = of.state()
    stored: Stored = state.stored  # ty: ignore[invalid-assignment]

    def make() -> dict[str, Any]:
        rows = stored.forecast_of(key.sees)
        for column, value in (("horizon_months", horizon_months), ("level", level), ("name", name)):
            if value is not None:
                rows = rows[rows[column] == value]
        shown = [plain(row) for row in rows.to_dict("records")]
        return {"as_of": stored.as_of, "currency": stored.currency, "rows": shown}

    return await remembered(of, state, key, f"forecast?{request.url.query}", make)


@router.get("/changes", response_model=schemas.ChangesOut, responses=PROBLEMS)
async def changes(
    request: Request,
    of: Serving,
    key: Reads,
    horizon_months: Annotated[int, Query(ge=1, le=max(HORIZONS))] = 1,
    change: Annotated[
        Literal["new", "won", "lost", "gone", "pushed", "pulled_in", "up", "down", "same"] | None, Query()
    ] = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> Response:
    """Return what changed since the snapshot of the month before, and a waterfall of expected revenue."""
    state = of.state()
    stored: Stored = state.stored  # ty: ignore[invalid-assignment]
    if stored.before is None:
        raise Problem(
            404, f"{stored.month} is the first scored month, so there is nothing to compare it with."
        )
    target = HORIZONS[horizon_months]

    def make() -> dict[str, Any]:
        found = stored.changes(key.sees, target)
        deals = pd.DataFrame() if found is None else found.deals
        counts = deals["change"].value_counts().to_dict() if len(deals) else {}
        if change is not None and len(deals):
            deals = deals[deals["change"] == change]
        shown = [plain(row) for row in deals.iloc[offset : offset + limit].to_dict("records")]
        fall = found.waterfall if found else None
        steps = [
            {"name": s.name, "deals": s.deals, "amount": f"{s.amount}"} for s in (fall.steps if fall else ())
        ]
        return _page(stored, len(deals), offset, limit) | {
            "before": f"{month_end(stored.before or stored.month)}",
            "horizon_months": horizon_months,
            "counts": counts,
            "waterfall": {"start": f"{fall.start}", "steps": steps, "end": f"{fall.end}"} if fall else None,
            "deals": shown,
        }

    return await remembered(of, state, key, f"changes?{request.url.query}", make)


def _page(stored: Stored, total: int, offset: int, limit: int) -> dict[str, Any]:
    after = offset + limit
    return {
        "as_of": stored.as_of,
        "currency": stored.currency,
        "total": total,
        "offset": offset,
        "next_offset": after if after < total else None,
    }

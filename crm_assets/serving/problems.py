"""Errors of the API as problem details (RFC 9457): a sentence with a remedy, never a traceback."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from crm_assets.errors import CrmAssetsError

MEDIA = "application/problem+json"
# More faults than these help nobody.
MOST_FAULTS = 20
TITLES = {
    400: "Bad request",
    401: "No valid API key",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    408: "The request took too long to arrive",
    413: "The request is too large",
    415: "Unsupported media type",
    421: "Not for this host",
    422: "The request is not valid",
    429: "Too many requests",
    500: "Something went wrong here",
    503: "Not available now",
    504: "The answer took too long",
}


class Fault(BaseModel):
    """One fault of a request."""

    where: str = Field(description="The place in the request, for example `deals.0.engage_date`.")
    what: str = Field(description="What is wrong there.")


class ProblemBody(BaseModel):
    """A problem, as RFC 9457 describes it."""

    type: str = Field(description="The kind of problem.", examples=["about:blank"])
    title: str = Field(description="The kind of problem in words.", examples=["Not found"])
    status: int = Field(description="The HTTP status.", examples=[404])
    detail: str = Field(
        description="What was wrong, and what to do.", examples=["There is no open deal with this id."]
    )
    request_id: str = Field(description="The id of the request, for the log.", examples=["7f3a"])
    errors: list[Fault] | None = Field(None, description="The faults of the request, one by one.")


class Problem(Exception):  # noqa: N818 - the RFC's own word
    """An answer that is no success."""

    def __init__(
        self,
        status: int,
        detail: str,
        errors: list[Fault] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.errors, self.headers = status, detail, errors, headers


def answer(
    request_id: str,
    status: int,
    detail: str,
    errors: list[Fault] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """Return the response of a problem."""
    body = ProblemBody(
        type="about:blank",
        title=TITLES.get(status, "Error"),
        status=status,
        detail=detail,
        request_id=request_id,
        errors=errors,
    )
    return JSONResponse(body.model_dump(exclude_none=True), status, headers, MEDIA)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the documentation of the problems that an endpoint may answer with."""
    return {
        status: {"description": TITLES[status], "content": {MEDIA: {"schema": _SCHEMA}}}
        for status in statuses
    }


_SCHEMA = {"$ref": "#/components/schemas/ProblemBody"}


def install(app: FastAPI) -> None:
    """Make an app answer all errors as problems."""

    async def of_problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)  # noqa: S101 - FastAPI calls it for this class only
        return answer(_id(request), error.status, error.detail, error.errors, error.headers)

    async def of_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101
        return answer(_id(request), error.status_code, _detail(error), None, dict(error.headers or {}))

    async def of_validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        return answer(_id(request), 422, "Correct the fields below.", faults(error.errors()))

    async def of_ours(request: Request, error: Exception) -> Response:
        return answer(_id(request), 503, str(error), None, {"Retry-After": "5"})

    async def of_anything(request: Request, _: Exception) -> Response:
        return answer(_id(request), 500, f"The log tells more under the request id {_id(request)}.")

    app.add_exception_handler(Exception, of_anything)
    app.add_exception_handler(Problem, of_problem)
    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(RequestValidationError, of_validation)
    app.add_exception_handler(CrmAssetsError, of_ours)


def faults(errors: Any) -> list[Fault]:
    """Return the faults that pydantic found, without the values, which may be personal."""
    found = []
    for error in list(errors)[:MOST_FAULTS]:
        place = ".".join(str(part) for part in error["loc"] if part != "body")
        found.append(Fault(where=_plain(place)[:200] or "body", what=_plain(error["msg"])[:300]))
    return found


def _plain(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _detail(error: HTTPException) -> str:
    texts = {
        404: "There is no such address; /docs lists all.",
        405: "This address does not take this method.",
    }
    return texts.get(error.status_code, str(error.detail))


def _id(request: Request) -> str:
    return str(request.scope.get("request_id", ""))

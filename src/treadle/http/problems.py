"""Errors on the wire: RFC 9457 problem details, one table from our kinds to statuses."""

from __future__ import annotations

import logging
from http import HTTPStatus
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from treadle.core.errors import HTTP_STATUS, Denied, InvalidInput, TreadleError, Unavailable, kind_of
from treadle.core.faults import faults_of, joined
from treadle.core.types import JsonValue, Record

PROBLEM = "application/problem+json"
RETRY_AFTER_SECONDS = "2"

log = logging.getLogger("treadle.http")


class Problem(Record):
    """What a refused or failed request gets (RFC 9457)."""

    type: str
    """'https://treadle.dev/errors/<code>'."""
    title: str
    """The status in words."""
    status: int
    """The HTTP status."""
    code: str
    """Our stable code: match on this."""
    detail: str
    """What failed, what would have been right, what to do next."""
    values: dict[str, JsonValue] = {}
    """The facts behind the detail."""


def problem_response(error: TreadleError) -> JSONResponse:
    """Translate an error of ours into a response."""
    status = HTTP_STATUS[kind_of(error)]
    headers = {"retry-after": RETRY_AFTER_SECONDS} if isinstance(error, Unavailable) else {}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    return _respond(status, error.error_code, error.message, error.values, headers)


def install_problem_handlers(app: FastAPI) -> None:
    """Make every error of an application a problem, known or not."""

    @app.exception_handler(TreadleError)
    async def of_ours(request: Request, error: TreadleError) -> JSONResponse:
        return problem_response(error)

    @app.exception_handler(RequestValidationError)
    async def of_validation(request: Request, error: RequestValidationError) -> JSONResponse:
        faults = faults_of(error.errors())
        return problem_response(
            InvalidInput(
                f"{joined(faults)}; what the API takes is described at /openapi.json",
                code="http.invalid_request",
                faults=faults,
            )
        )

    @app.exception_handler(HTTPException)
    async def of_starlette(request: Request, error: HTTPException) -> JSONResponse:
        code = "http." + HTTPStatus(error.status_code).name.lower()
        detail = str(error.detail)
        if error.status_code == HTTPStatus.NOT_FOUND:
            detail = f"there is nothing at '{request.scope['path']}'; the API is described at /openapi.json"
        return _respond(error.status_code, code, detail, {}, dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def of_nobody(request: Request, error: Exception) -> JSONResponse:
        # The border of a request: the trace goes to the log, never to the caller.
        log.error("unexpected error in %s %s", request.method, request.scope["path"], exc_info=error)
        return _respond(
            500, "internal", "Treadle failed at this request; the server's log says why: treadle doctor", {}, {}
        )


def refuse_cross_site(request: Request, public_url: str | None) -> None:
    """Raise Denied for a state-changing request that another site's page made with this browser's cookie.

    public_url: where people open us when a proxy asks us by another name.
    """
    origin = request.headers.get("origin")
    ours = {request.headers.get("host"), urlsplit(public_url or "").netloc}
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none") or (
        origin is not None and urlsplit(origin).netloc not in ours - {""}
    ):
        raise Denied("requests from other sites are refused; open Treadle itself and try there", code="http.cross_site")


def _respond(
    status: int, code: str, detail: str, values: dict[str, JsonValue], headers: dict[str, str]
) -> JSONResponse:
    problem = Problem(
        type=f"https://treadle.dev/errors/{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        code=code,
        detail=detail,
        values=values,
    )
    return JSONResponse(problem.model_dump(), status_code=status, headers=headers, media_type=PROBLEM)

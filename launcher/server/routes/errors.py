"""Every refusal in one form, {"error": what and where, "hint": the next step}, with its status."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from launcher.errors import (
    ConflictError,
    DiskFullError,
    ForbiddenError,
    LauncherError,
    NotFoundError,
    SpecError,
    TryAgainError,
    UnauthorizedError,
)
from launcher.logbook import about
from launcher.server.again import RETRY_AFTER_S, is_repeatable
from launcher.server.routes.context import Answer
from launcher.store.leader import LostLeadError

log = logging.getLogger(__name__)

_STATUS: dict[type[LauncherError], int] = {
    ForbiddenError: 403,  # before its parent
    UnauthorizedError: 401,
    NotFoundError: 404,
    ConflictError: 409,
    SpecError: 422,
    DiskFullError: 507,
    TryAgainError: 503,
}
_LONGEST_VALUE = 60


def answer_errors(app: FastAPI) -> None:
    """Let the application answer errors in our form, its own framework's too."""
    app.add_exception_handler(LauncherError, _refused)
    app.add_exception_handler(RequestValidationError, _misshapen)
    app.add_exception_handler(HTTPException, _not_served)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _broken)


def status_of(error: LauncherError) -> int:
    return next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)


def _answer(status: int, text: str, hint: str | None = None) -> Answer:
    return Answer({"error": text, "hint": hint}, status_code=status)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, LauncherError)
    answer = _answer(status_of(error), error.message, error.hint)
    if isinstance(error, TryAgainError) and (
        isinstance(error, LostLeadError) or is_repeatable(request.scope)
    ):
        answer.headers["Retry-After"] = str(RETRY_AFTER_S)
    return answer


async def _misshapen(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    text = "\n".join(_fault(fault) for fault in error.errors())
    return _answer(422, text, "/docs of this server lists what it takes")


def _fault(fault: dict[str, Any]) -> str:
    """As `limit: input should be a valid integer, found 'x'`."""
    where, *inside = (str(part) for part in fault["loc"])
    text = fault["msg"][:1].lower() + fault["msg"][1:]
    value = fault.get("input")
    is_short = isinstance(value, str | int | float) and len(str(value)) <= _LONGEST_VALUE
    return f"{'.'.join(inside) or where}: {text}{f', found {value!r}' if is_short else ''}"


async def _not_served(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = request.url.path
    texts = {404: f"nothing is served at {path}", 405: f"{path} does not take {request.method}"}
    answer = _answer(error.status_code, texts.get(error.status_code, error.detail))
    answer.headers.update(error.headers or {})
    return answer


async def _gone(_: Request, __: Exception) -> Response:
    return Response(status_code=400)  # nobody hears it: the body broke off with its connection


async def _broken(request: Request, error: Exception) -> Response:
    # The traceback is logged by whoever runs the application: the error goes on to there.
    jobs = [ref for ref in (request.path_params.get("ref"),) if ref]
    log.error("%s %s broke", request.method, request.url.path, extra=about(*jobs))
    text = f"the server broke over this request: {type(error).__name__}"
    return _answer(500, text, "its log has the traceback; please report it")

"""How every route of REST answers: errors as problems, and a POST with an idempotency key once."""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from core.errors import UserError
from ui.http.api import in_threads
from ui.http.api.problem import NO_STORE, PROBLEM, problem_of
from ui.http.api.rest.idempotency import Answers
from ui.http.upload_room import UploadRefusal, announced_bytes, is_upload

log = logging.getLogger("voicewright.api")
Handler = Callable[[Request], Coroutine[Any, Any, Response]]
_LONGEST_KEY = 200


class Route(APIRoute):
    """One route of REST."""

    def get_route_handler(self) -> Handler:
        """The handler, with its errors caught."""
        handler = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                if request.method == "POST" and "idempotency-key" in request.headers:
                    return await _once(request, handler)
                return await _handled(request, handler)
            except (ClientDisconnect, UploadRefusal):  # answered further out, if anybody is there
                raise
            except Exception as error:
                return problem(error)

        return answer


async def _handled(request: Request, handler: Handler) -> Response:
    try:
        answer = await handler(request)
    except (RequestValidationError, ValidationError) as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"] if part != "body") or "body"
        return problem(_bad_request(place, str(first["msg"])))
    answer.headers.setdefault("Cache-Control", "no-store")
    return answer


async def _once(request: Request, handler: Handler) -> Response:
    """The answer that this key had before; else that of the handler, which is kept unless the server failed."""
    answers: Answers = request.app.state.answers
    key = request.headers["idempotency-key"][:_LONGEST_KEY]
    content = str(announced_bytes(request.scope)).encode() if is_upload(request.scope) else await request.body()
    wish = hashlib.sha256(f"{request.url.path}?{request.url.query}\n".encode() + content).hexdigest()
    earlier = await in_threads.run(lambda: answers.begin(key, wish))
    if earlier is not None:
        status, body = earlier
        return Response(body, status, {**NO_STORE, "Idempotency-Replayed": "true"}, "application/json")
    answer: Response | None = None
    try:
        answer = await _handled(request, handler)
    finally:
        is_kept = answer is not None and answer.status_code < 400
        body = bytes(answer.body) if answer is not None and is_kept else b""
        status = answer.status_code if answer is not None and is_kept else 0
        try:
            await in_threads.run(lambda: answers.end(key, status, body))
        except (OSError, sqlite3.Error) as error:  # what was done is done, and is answered
            log.warning("The answer to a request with an idempotency key cannot be kept: %s", error)
    return answer


def problem(error: Exception) -> JSONResponse:
    """Any error as an answer."""
    if isinstance(error, HTTPException) and error.status_code in (404, 405):
        error = UserError("api.missing", "There is nothing at this address.", "See /api/v1/openapi.json.")
    elif isinstance(error, HTTPException):
        error = _bad_request("body", str(error.detail))
    status, body = problem_of(error)
    return JSONResponse(body, status, NO_STORE, PROBLEM)


def _bad_request(place: str, reason: str) -> UserError:
    return UserError(
        "api.bad_request",
        "{place}: {reason}.",
        "What each field may be stands in /api/v1/openapi.json.",
        place=place[:100],
        reason=reason[:300],
    )


def event(name: str, content: Any, number: int) -> str:
    """One server-sent event."""
    return f"id: {number}\nevent: {name}\ndata: {json.dumps(content)}\n\n"

"""The application under ``/api/v1``, with its description by OpenAPI."""

from __future__ import annotations

import functools

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

import core
from core.project.workspace import Workspace
from core.settings import Settings
from ui.http.api.rest import clips, materials, projects, texts, training, uploads, voices
from ui.http.api.rest.idempotency import Answers
from ui.http.api.rest.route import problem

_ABOUT = """What the page does, for programs. Errors are problems (RFC 9457) with a `code` and a `hint`. Lists come in
pages of `offset` and `limit`. A POST with an `Idempotency-Key` is done once, however often it is sent within a day."""


def create(workspace: Workspace, settings: Settings) -> FastAPI:
    """The application; it is mounted under ``/api/v1``."""
    app = FastAPI(
        title="Voicewright",
        version=core.__version__,
        description=_ABOUT,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
    )
    app.state.answers = Answers(workspace.path / "private" / "answers.db")
    for module in (projects, materials, clips, training, voices, texts):
        app.include_router(module.routes(workspace, settings))
    app.include_router(uploads.routes(settings))

    @app.exception_handler(HTTPException)
    async def nothing_here(_: Request, error: HTTPException) -> JSONResponse:
        return problem(error)

    return app


class Rest:
    """The application, made at the first request or by `build_now`: its routes are most of what a start would make."""

    def __init__(self, workspace: Workspace, settings: Settings) -> None:
        self.build_now = functools.cache(lambda: create(workspace, settings))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        await self.build_now()(scope, receive, send)

"""Live sound: ``/audio/{project}/live/{job}``, what a job says while it speaks, for a browser's audio element."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response, StreamingResponse

from core.audio.encode import TYPES, encode
from core.errors import UserError
from core.project.workspace import Workspace
from core.synthesis.live import follow
from ui.http.api import in_threads

_FORMAT = "mp3"  # the one that every browser plays without knowing how long it is
_HEADERS = {"Cache-Control": "private, no-store", "Accept-Ranges": "none"}


def live_url(project: str, job: str) -> str:
    """Where a page hears a job that speaks; nothing is there once it has ended."""
    return f"../audio/{quote(project, safe='')}/live/{quote(job, safe='')}"


def routes(workspace: Workspace) -> APIRouter:
    """``/audio/{project}/live/{job}``."""
    router = APIRouter()

    @router.get("/audio/{slug}/live/{job}")
    async def live(request: Request, slug: str, job: str) -> Response:
        try:
            speaking = await in_threads.run(lambda: workspace.project(slug).job(job))
        except UserError:
            raise _missing() from None
        stop = threading.Event()
        sound: Iterator[bytes] = encode(follow(speaking, stop.is_set), _FORMAT)
        try:
            first = await in_threads.first(request, sound, stop)
        except UserError as error:  # no FFmpeg
            raise HTTPException(500, str(error)) from None
        if first is None:
            raise _missing()
        content = in_threads.iterate(sound, stop.set, first=first)
        return StreamingResponse(content, media_type=TYPES[_FORMAT], headers=_HEADERS)

    return router


def _missing() -> HTTPException:
    return HTTPException(404, "Nobody speaks here.")

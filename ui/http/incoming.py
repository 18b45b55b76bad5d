"""Uploads in pieces: a large file whose connection breaks goes on where it was, also after a reload of the page.

What is whole lies where Gradio puts uploads, under the same rules.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from core.errors import UserError
from core.project.incoming import IncomingFile
from core.settings import Settings
from ui.http.file_names import plain_name
from ui.http.upload_room import UploadRoom, usable_bytes
from ui.i18n import Translator

PATH = re.compile(r"/incoming(?:/([0-9a-f]{32}))?")
_MOST_BODY = 4096


class Announcement(BaseModel):
    """What is said of a file before it comes."""

    name: str = Field(min_length=1, max_length=1000)
    bytes: int = Field(ge=1)
    mark: str = Field("", max_length=200)


class Incoming:
    """Answers ``POST /incoming`` (begin, or find again) and ``PATCH /incoming/ID?offset=N`` (the next piece).

    Args:
        settings: where, and how large a file may be.
        lang: of the page.
        on_file: told the path of a file that is whole.
    """

    def __init__(self, settings: Settings, lang: str, on_file: Callable[[str], object]) -> None:
        self.temporary = settings.workspace_folder() / "tmp"
        self.room = UploadRoom(PlainTextResponse(""), settings)
        self.t = Translator(lang)
        self.on_file = on_file

    async def answer(self, request: Request, id_: str | None) -> Response:
        """The answer to a request whose path `PATH` matches; ``id_`` is what it holds."""
        try:
            if id_ is None and request.method == "POST":
                return await self._begin(request)
            if id_ is not None and request.method == "PATCH":
                return await self._append(request, id_)
        except UserError as error:
            status = {"upload.too_large": 413, "upload.no_room": 507, "incoming.gone": 404}.get(error.code, 409)
            text = self.t.error(error.code, error.text, error.hint, error.values)
            return PlainTextResponse(text, status, {"Cache-Control": "no-store"})
        return PlainTextResponse("Not found", status_code=404)

    @property
    def _parent(self) -> Path:
        return self.temporary / "incoming"

    async def _begin(self, request: Request) -> Response:
        try:
            said = Announcement.model_validate_json((await request.body())[: _MOST_BODY + 1])
        except ValidationError:
            return PlainTextResponse("Not understood", status_code=422)
        if said.bytes > self.room.max_bytes:
            raise self.room.too_large()
        file = await run_in_threadpool(IncomingFile.begin, self._parent, plain_name(said.name), said.bytes, said.mark)
        if file.size - file.offset > usable_bytes(self.temporary):
            raise self.room.no_room()
        return _json({"id": file.id, "offset": file.offset})

    async def _append(self, request: Request, id_: str) -> Response:
        file = await run_in_threadpool(IncomingFile.open, self._parent, id_)
        handle = file.lock()
        if handle is None:  # the broken connection's own request has not noticed yet
            return _json({"offset": file.offset}, 409)
        try:
            if request.query_params.get("offset") != str(file.offset):
                return _json({"offset": file.offset}, 409)
            try:
                async for block in request.stream():
                    await run_in_threadpool(file.append, block)
            except ClientDisconnect:
                return _json({"offset": file.offset})
            if not file.is_complete:
                return _json({"offset": file.offset})
            target = self.temporary / "gradio" / file.id / file.name
            path = str(await run_in_threadpool(file.take, target))
        finally:
            os.close(handle)
        self.on_file(path)
        return _json({"offset": file.size, "path": path})


def _json(content: dict[str, object], status: int = 200) -> Response:
    return JSONResponse(content, status, headers={"Cache-Control": "no-store"})
